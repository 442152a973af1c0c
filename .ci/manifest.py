"""Checks of Cargo.toml and of the dependencies' minimum Rust versions.

    manifest.py reasons Cargo.toml          every direct dependency has its reason in the line above it
    cargo metadata ... | manifest.py msrv 1.89   no dependency needs a newer Rust, and ours say 1.89
"""

import json
import re
import sys
import tomllib

KINDS = ("dependencies", "dev-dependencies", "build-dependencies")


def reasons(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    manifest = tomllib.loads(text)
    tables = [manifest, *manifest.get("target", {}).values()]
    wanted = {
        name
        for table in tables
        for kind in KINDS
        for name, value in table.get(kind, {}).items()
        # The workspace's own crates explain themselves.
        if not (isinstance(value, dict) and "path" in value)
    }
    explained, above, inside = set(), "", False
    for line in text.splitlines():
        line = line.strip()
        name = None
        if header := re.match(r"\[(.+)\]", line):
            parts = header[1].rsplit(".", 1)
            inside = parts[-1] in KINDS
            if len(parts) == 2 and parts[0].rsplit(".", 1)[-1] in KINDS:
                name = parts[1]  # [dependencies.name]
        elif inside and (key := re.match(r'"?([\w-]+)"?(\.\w+)?\s*=', line)):
            name = key[1]
        if name and re.match(r"#\s*\w", above):
            explained.add(name)
        above = line
    missing = sorted(wanted - explained)
    if missing:
        return f"{path}: no comment with the reason directly above: {', '.join(missing)}"
    print(f"{path}: each of {len(wanted)} direct dependencies has its reason")


def version(text):
    return tuple(int(part) for part in text.split(".")[:2])


def msrv(wanted):
    metadata = json.load(sys.stdin)
    packages = {package["id"]: package for package in metadata["packages"]}
    members = [packages[id] for id in metadata["workspace_members"]]
    wrong = [m["name"] for m in members if version(m["rust_version"] or "0.0") != version(wanted)]
    if wrong:
        return f"rust-version is not {wanted} in: {', '.join(wrong)}"
    # The benches hold rivals, which may need what they like.
    todo = [m["id"] for m in members if m["name"] in ("mnist-fast", "mnist-fast-kernels")]
    edges = {node["id"]: node["dependencies"] for node in metadata["resolve"]["nodes"]}
    seen = set()
    while todo:
        id = todo.pop()
        if id not in seen:
            seen.add(id)
            todo += edges[id]
    found = [packages[id] for id in seen]
    newer = [
        f"{p['name']} {p['version']} needs {p['rust_version']}"
        for p in found
        if p["rust_version"] and version(p["rust_version"]) > version(wanted)
    ]
    if newer:
        return "; ".join(sorted(newer))
    silent = sorted(p["name"] for p in found if not p["rust_version"])
    print(f"rust-version is {wanted}; none of {len(found)} packages on any platform asks for more")
    print(f"packages that state no rust-version: {', '.join(silent) or 'none'}")


if __name__ == "__main__":
    sys.exit({"reasons": reasons, "msrv": msrv}[sys.argv[1]](sys.argv[2]))
