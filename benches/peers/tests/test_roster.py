"""The list of peers agrees with the files beside it."""

import re
import tomllib
import unittest
from pathlib import Path

from harness.roster import HERE, INSTALLS, PEERS, Cargo, Cpp, chosen


class Roster(unittest.TestCase):
    def test_names_and_titles_are_unique(self):
        for part in ("name", "title"):
            values = [getattr(peer, part) for peer in PEERS]
            self.assertEqual(len(values), len(set(values)))

    def test_every_installation_is_somebodys(self):
        self.assertEqual(set(INSTALLS), {peer.install for peer in PEERS if peer.kind != "ours"})

    def test_every_mode_is_run_and_every_script_has_it(self):
        modes = {}
        for peer in PEERS:
            if peer.script:
                modes.setdefault(peer.script, set()).update({peer.mode} - {""})
        scripts = {path.name for path in (HERE / "python").glob("*.py")} - {"workload.py"}
        self.assertEqual(scripts, set(modes))
        for script, wanted in modes.items():
            text = (HERE / "python" / script).read_text(encoding="utf-8")
            (call,) = re.findall(r"workload\.options\((.*)\)", text)
            self.assertEqual(set(re.findall(r'"(\w+)"', call)), wanted, script)

    def test_sources_and_packages_exist(self):
        for recipe in INSTALLS.values():
            if isinstance(recipe, Cpp):
                self.assertTrue((HERE / recipe.source).is_file())
            elif isinstance(recipe, Cargo):
                manifest = HERE / "rust" / recipe.package.removeprefix("peer-") / "Cargo.toml"
                package = tomllib.loads(manifest.read_text(encoding="utf-8"))
                self.assertEqual(package["package"]["name"], recipe.package)
                self.assertIn(recipe.versioned, package["dependencies"])

    def test_compiled_peers_have_another_program_for_avx2(self):
        for peer in PEERS:
            if peer.kind == "ours":
                continue
            usual, limited = (peer.command(Path("root"), avx2)[0] for avx2 in (False, True))
            self.assertEqual(usual == limited, bool(peer.script), peer.name)

    def test_ours_are_always_chosen(self):
        self.assertEqual([peer.name for peer in chosen(["burn"])], ["mnist-fast", "mnist-fast-dense", "burn"])
        with self.assertRaisesRegex(SystemExit, "no peer is called burm"):
            chosen(["burm", "burn"])


if __name__ == "__main__":
    unittest.main()
