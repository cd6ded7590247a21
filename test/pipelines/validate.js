'use strict';
// Asks the language service of Microsoft's VS Code extension what is wrong with
// pipelines, and prints the answer as a JSON array for schema_test.go to read.
//
//   node validate.js SCHEMA FILE...
//
// The exit code is 0 whenever the question could be asked, whatever the answer.

// The service reports its progress with console.log. Standard output belongs to
// the answer.
console.log = console.error;

const { readFileSync } = require('node:fs');
const { pathToFileURL } = require('node:url');
const { TextDocument } = require('vscode-languageserver-textdocument');
const { getLanguageService, parse } = require('azure-pipelines-language-service');

function serviceFor(schemaFile) {
  const uri = pathToFileURL(schemaFile).href;
  // The service modifies the schema it is given, so each time it gets a new one.
  const readSchema = async () => JSON.parse(readFileSync(schemaFile, 'utf8'));
  const service = getLanguageService(readSchema, [], async () => uri);
  service.configure({ validate: true, schemas: [{ uri, fileMatch: ['*'] }] });
  return service;
}

async function main([schemaFile, ...files]) {
  if (files.length === 0) {
    throw new Error('usage: node validate.js SCHEMA FILE...');
  }
  const service = serviceFor(schemaFile);
  const findings = [];
  for (const file of files) {
    const uri = pathToFileURL(file).href;
    const document = TextDocument.create(uri, 'azure-pipelines', 1, readFileSync(file, 'utf8'));
    for (const { range, message } of await service.doValidation(document, parse(document.getText()))) {
      findings.push({ file, line: range.start.line + 1, message });
    }
  }
  process.stdout.write(JSON.stringify(findings) + '\n');
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
