"""The table in Markdown, and the sentences below it."""

from harness.roster import KERAS, OURS, OURS_DENSE
from harness.rounds import MOST_STOLEN
from harness.rule import ENOUGH_PROCESSES, fastest, ratio, result

HEAD = (
    "peer", "version", "instruction sets", "threads", "best s", "median s", "spread", "against ours",
    "against ours, dense",
)  # fmt: skip


def render(measured):
    """Everything that is printed of the outcome of harness.rounds.measure with its machine."""
    results = {row["name"]: result(row) for row in measured["peers"]}
    parts = [heading(measured), markdown([HEAD, *rows(measured, results)]), list_of(sentences(measured, results))]
    return "\n\n".join(parts) + "\n"


def heading(measured):
    machine = measured["machine"]
    limit = "everybody limited to AVX2; " if measured["avx2"] else ""
    return (
        f"Seconds an epoch with validation; {limit}{measured['rounds']} processes of each in turn, "
        f"{measured['epochs']} epochs, the first dropped.\n"
        f"{machine['date']}, {machine['cpu']} ({machine['cpus']} CPUs), {machine['system']}, load at the start "
        f"{machine['load']:.2f}."
    )


def rows(measured, results):
    """Ours first, then the rivals, the fastest on top, those without times at the end."""
    ours = [row for row in measured["peers"] if row["kind"] == "ours"]
    rivals = [row for row in measured["peers"] if row["kind"] != "ours"]
    rivals.sort(key=lambda row: (not results[row["name"]].measured, results[row["name"]].best))
    return [cells(row, results) for row in ours + rivals]


def cells(row, results):
    own = results[row["name"]]
    start = [row["title"], row["version"], isa(row), str(row["threads"])]
    if not own.measured:
        return [*start, own.problem, "", "", "", ""]
    spread = f"{own.spread:.0%}" + (", void" if own.void else "")
    return [*start, f"{own.best:.3f}", f"{own.middle:.3f}", spread, *(against(row, results, name) for name in BASES)]


BASES = (OURS, OURS_DENSE)


def isa(row):
    """What the peer says, and what a limit to AVX2 does not reach."""
    beyond = f"not limited: {row['beyond_avx2']}" if row["beyond_avx2"] else ""
    return "; ".join(part for part in (row["isa"], beyond) if part)


def against(row, results, name):
    """The ratio in a row's cell; ours are compared by their medians."""
    base, own = results[name], results[row["name"]]
    if row["kind"] == "ours":
        value = own.middle / base.middle if base.usable and own.usable else None
    else:
        value = ratio(base, own)
    if value is not None:
        return f"{value:.2f}"
    return "void" if base.measured else "-"


def sentences(measured, results):
    """The headline ratios, what of them is sparsity, and every reservation."""
    rivals = [row for row in measured["peers"] if row["kind"] != "ours"]
    groups = (
        ("default against the best framework", OURS, [r for r in rivals if r["kind"] == "framework"]),
        ("dense against the best dense framework", OURS_DENSE, [r for r in rivals if is_dense_framework(r)]),
        ("default against the best of all", OURS, rivals),
        ("dense against the best dense of all", OURS_DENSE, [r for r in rivals if r["dense"]]),
        ("default against Keras' fit", OURS, [r for r in rivals if r["name"] == KERAS]),
    )
    for label, base, group in groups:
        yield f"{label}: {headline(base, group, results)}"
    yield split(rivals, results)
    if measured["rounds"] < ENOUGH_PROCESSES:
        yield f"no result: {measured['rounds']} processes of each, the rule wants {ENOUGH_PROCESSES}"
    for row in measured["peers"]:
        if not results[row["name"]].measured:
            yield f"{row['title']}: {results[row['name']].problem} ({results[row['name']].why})"
    if repeats := sum(row.get("repeats", 0) for row in measured["peers"]):
        yield f"run again, because the host gave over {MOST_STOLEN:.0%} of the CPUs to others meanwhile: {repeats} processes"
    if measured["left_out"]:
        yield "left out by --only: " + "; ".join(measured["left_out"])
    beyond = [row["title"] for row in rivals if row["beyond_avx2"]]
    if beyond:
        yield "not wholly limited to AVX2: " + "; ".join(beyond)


def is_dense_framework(row):
    return row["kind"] == "framework" and row["dense"]


def headline(base, group, results):
    """A ratio and whom it is against, or why there is none."""
    if not results[base].measured:
        return f"none, ours: {results[base].problem} ({results[base].why})"
    if results[base].void:
        return f"void, ours: spread {results[base].spread:.0%}"
    name = fastest({row["name"]: results[row["name"]] for row in group})
    if name is None:
        return "none was measured"
    title = next(row["title"] for row in group if row["name"] == name)
    if results[name].void:
        return f"void, {title}: spread {results[name].spread:.0%}"
    return f"{ratio(results[base], results[name]):.2f} ({title})"


def split(rivals, results):
    """The ratio to the best framework as a product: dense code against it, and what skipping zeros adds."""
    default, dense = results[OURS], results[OURS_DENSE]
    name = fastest({row["name"]: results[row["name"]] for row in rivals if row["kind"] == "framework"})
    if name is None or not (default.usable and dense.usable and results[name].usable):
        return "sparsity and code: no ratio to split"
    title = next(row["title"] for row in rivals if row["name"] == name)
    total, code, sparsity = ratio(default, results[name]), ratio(dense, results[name]), dense.middle / default.middle
    return f"sparsity and code: of {total:.2f} against {title}, {code:.2f} is code and a factor of {sparsity:.2f} sparsity"


def list_of(lines):
    """A Markdown list."""
    return "\n".join(f"- {line}" for line in lines)


def markdown(table):
    """A Markdown table that is also aligned as text."""
    widths = [max(len(cell) for cell in column) for column in zip(*table)]
    lines = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |" for row in table]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)
