'use strict';
// Formats logging commands with Microsoft's azure-pipelines-task-lib, and reads
// those that another program has formatted, for commands_test.go to compare.
//
//   node commands.js <COMMANDS

const { TaskCommand, commandFromString } = require('azure-pipelines-task-lib/taskcommand');
const { readFileSync } = require('node:fs');

const commands = JSON.parse(readFileSync(0, 'utf8'));
const answers = commands.map(({ name, properties, data, line }) => {
  const read = commandFromString(line);
  return { line: new TaskCommand(name, properties, data).toString(), name: read.command, data: read.message };
});
process.stdout.write(JSON.stringify(answers) + '\n');
