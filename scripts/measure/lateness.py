"""How late `expired` events come: scripts/expiry-lateness, every scenario on ours and one on the peers.

That script is run as a module here, so that its server ends with this program, whatever ends it.
"""

import importlib.machinery
import importlib.util
import sys

from scratch_server import ROOT

from measure.contenders import Role

SCRIPT = str(ROOT / "scripts" / "expiry-lateness")
FIGURES = ("p50_ms", "p99_ms", "max_ms", "early", "repeated", "missing")


def measure(plan):
    """The figures of each scenario by contender; a peer has only the first."""
    script = load_script()
    results = []
    for number, words in enumerate(plan.lateness_scenarios):
        [scenario] = script.options_of(words).scenarios
        figures = {}
        for one in plan.plain_contenders:
            if number == 0 or one.role is Role.OURS:
                with one.server() as server:
                    result = script.measure(server, scenario)
                figures[one.name] = {name: result[name] for name in FIGURES}
                late = ", ".join(f"{name} {result[name]}" for name in FIGURES)
                print(f"  {scenario.name} on {one.name}: {late}", file=sys.stderr)
        results.append({"scenario": scenario.name, "figures": figures})
    return {"scenarios": results}


def load_script():
    loader = importlib.machinery.SourceFileLoader("expiry_lateness", SCRIPT)
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    # Its dataclasses look themselves up there.
    sys.modules[loader.name] = module
    loader.exec_module(module)
    return module
