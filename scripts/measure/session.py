"""A session of measuring: group after group into results.json, and from there into tables and charts."""

import datetime
import importlib
import json
import pathlib
import shlex
import sys

from scratch_server import CannotMeasure

from measure import arguments, charts, contenders, machine, report

RESULTS = "results.json"


def measure(options):
    plan = arguments.plan(options)
    if not {"throughput", "scale"}.isdisjoint(options.groups):
        # Found missing now, not after minutes.
        contenders.echo_binary()
    options.out.mkdir(parents=True, exist_ok=True)
    for group in options.groups:
        print(f"{group}", file=sys.stderr)
        figures = importlib.import_module(f"measure.{group}").measure(plan)
        # Kept at once: what was measured is not lost if a later group fails.
        keep(options.out / RESULTS, group, {**session_facts(options, plan), **figures})
    render(options.out)


def shown_command(options):
    """The command as another person would give it: programs by their names, wherever they lie here."""
    words = ["scripts/compare", *options.given_groups]
    for text in options.peer:
        name, _, command = text.partition("=")
        program, *arguments = shlex.split(command)
        words += ["--peer", f"{name}={shlex.join([pathlib.Path(program).name, *arguments])}"]
    for name in ("rounds", "seconds"):
        if getattr(options, name) is not None:
            words += [f"--{name}", f"{getattr(options, name):g}"]
    if options.load_threads != 1:
        words += ["--load-threads", str(options.load_threads)]
    words += [f"--{name.replace('_', '-')}" for name in ("io_threads", "quick") if getattr(options, name)]
    return shlex.join(words)


def session_facts(options, plan):
    return {
        "measured_on": datetime.date.today().isoformat(),
        "command": shown_command(options),
        "is_quick": options.quick,
        "machine": machine.facts(),
        "contenders": [one.facts() for one in plan.contenders],
        "sizes": vars(plan.sizes),
    }


def keep(path, group, figures):
    results = read(path) if path.exists() else {}
    results[group] = figures
    unfinished = path.with_suffix(".new")
    unfinished.write_text(json.dumps(results, indent=1) + "\n")
    unfinished.rename(path)


def read(path):
    try:
        return json.loads(path.read_text())
    except FileNotFoundError as error:
        raise CannotMeasure(f"no results at {path} (run scripts/compare without --render)") from error
    except json.JSONDecodeError as error:
        raise CannotMeasure(f"{path} is not JSON: {error} (remove it, and measure again)") from error


def render(directory):
    path = directory / RESULTS
    results = read(path)
    try:
        pictures = charts.draw(results)
        text = report.markdown(results, list(pictures))
    except KeyError as error:
        raise CannotMeasure(f"{path} has no {error}: another version wrote it (remove it, measure again)") from error
    for name, svg in pictures.items():
        (directory / name).write_text(svg)
    (directory / "RESULTS.md").write_text(text)
    print(f"written: {directory / 'RESULTS.md'}, {', '.join(pictures)}", file=sys.stderr)
