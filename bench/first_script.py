"""What the project's first script did, for the benchmark only: read every
document with PyYAML, copy Services, Deployments and Mappings under a new name
with new labels, image and weight, and print the copies."""
import copy
import sys

import yaml

LOADERS = {"python": yaml.SafeLoader, "libyaml": getattr(yaml, "CSafeLoader", None)}
DUMPERS = {"python": yaml.SafeDumper, "libyaml": getattr(yaml, "CSafeDumper", None)}
SUFFIX, WEIGHT = "-canary", 10


def canary(doc, names):
    new = copy.deepcopy(doc)
    new["metadata"]["name"] += SUFFIX
    spec = new["spec"]
    if doc["kind"] == "Deployment":
        spec["selector"]["matchLabels"] = {k: v + SUFFIX for k, v in spec["selector"]["matchLabels"].items()}
        spec["template"]["metadata"]["labels"] = {k: v + SUFFIX for k, v in spec["template"]["metadata"]["labels"].items()}
    elif doc["kind"] == "Service":
        spec["selector"] = {k: v + SUFFIX for k, v in spec["selector"].items()}
    elif doc["kind"] == "Mapping":
        name, colon, port = spec["service"].partition(":")
        if name not in names:
            return None
        spec["service"] = name + SUFFIX + colon + port
        spec["weight"] = WEIGHT
    return new


def main(variant, path):
    with open(path, encoding="utf-8") as file:
        docs = [d for d in yaml.load_all(file, Loader=LOADERS[variant]) if d]
    names = {d["metadata"]["name"] for d in docs if d["kind"] == "Service"}
    made = [canary(d, names) for d in docs if d["kind"] in ("Deployment", "Service", "Mapping")]
    yaml.dump_all([m for m in made if m], sys.stdout, Dumper=DUMPERS[variant], sort_keys=False)


main(sys.argv[1], sys.argv[2])
