"""Medians, spreads and ratios of raw samples.

A ratio is taken within a round, of two samples that were made in the same minute, and the median of the rounds' ratios
is what counts: a machine that changes its speed from minute to minute changes both sides.
"""

import statistics

ECHO = "echo"
OURS = "ours"
PEER = "peer"


def requests_per_second(sample):
    return sample["requests_per_second"]


def cpu_us(sample):
    return sample["cpu_us"]


def load_busy(sample):
    return sample["load_busy"]


def latency_us(percentile):
    return lambda sample: sample["latency_us"][percentile]


def names(group, role):
    """The contenders of a role in a group of results."""
    return [one["name"] for one in group["contenders"] if one["role"] == role]


def our_name(group):
    return names(group, OURS)[0]


def median(samples, figure):
    return statistics.median(map(figure, samples))


def spread_percent(samples, figure):
    """Largest minus smallest, in percent of the median."""
    values = [figure(sample) for sample in samples]
    middle = statistics.median(values)
    return (max(values) - min(values)) * 100 / middle if middle else 0.0


def ratio(samples, other, figure):
    """The median over the rounds of a figure by another server's in the same round."""
    pairs = [figure(mine) / figure(theirs) for mine, theirs in zip(samples, other) if figure(theirs)]
    return statistics.median(pairs) if pairs else None


def best_peer(group, samples_by_name, figure, best):
    """The peer with the best median; `best` is `max` or `min`. None without a peer."""
    there = [name for name in names(group, PEER) if name in samples_by_name]
    return best(there, key=lambda name: median(samples_by_name[name], figure), default=None)


def ratio_to_best(group, samples_by_name, figure, best, name=None):
    """A contender's ratio (ours, unless it is named) to the best peer, and that peer."""
    peer = best_peer(group, samples_by_name, figure, best)
    name = name or our_name(group)
    if peer is None or name not in samples_by_name:
        return None, peer
    return ratio(samples_by_name[name], samples_by_name[peer], figure), peer


def least(group, figures):
    """The peer with the least of plain figures by contender, and that figure; None, None without a peer."""
    there = [name for name in names(group, PEER) if name in figures]
    name = min(there, key=figures.get, default=None)
    return name, figures.get(name)


def median_lateness(samples, key):
    """The median over the rounds; None if there was one in which no event came."""
    values = [sample[key] for sample in samples]
    return None if None in values else statistics.median(values)


def most_lateness(samples):
    """The latest event of all rounds; None if none came."""
    return max((sample["max_ms"] for sample in samples if sample["max_ms"] is not None), default=None)
