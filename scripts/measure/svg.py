"""Bar charts as SVG: groups of horizontal bars, one bar for each series.

The ground is transparent and every colour is of middle brightness, so that a chart can be read on a white page and on a
black one. No scripts, no fonts of its own, nothing to load.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH = 860
LABEL_WIDTH = 250
VALUE_WIDTH = 70
BAR_HEIGHT = 11
BAR_GAP = 2
GROUP_GAP = 14
LEGEND_TOP = 51
LEGEND_LINE = 18
LEGEND_GAP = 15
MARGIN = 12
TEXT = "#6e7781"
STRONG_TEXT = "#768390"
RULE = "#8b949e"
LETTER_WIDTH = 6.6
COLOURS = ("#2f81f7", "#d2762d", "#a371f7", "#3fa35b", "#c9628f", "#b09020", "#5b9aa0")
LIMIT_COLOUR = "#9aa4ae"


@dataclass(frozen=True)
class Chart:
    """What a chart shows: `groups` are pairs of a label and the values by series."""

    title: str
    subtitle: str
    series: list
    groups: list
    # Shows a value beside its bar.
    shown: object
    # A line through all groups at this value, if there is one.
    rule_at: float | None = None
    # The series that is no competitor but a limit.
    limit: str | None = None

    def svg(self):
        legend, legend_end = self.legend()
        top = legend_end + LEGEND_GAP
        bars, y = [], top
        widest = max((value for _, values in self.groups for value in values.values()), default=0) or 1
        scale = (WIDTH - LABEL_WIDTH - VALUE_WIDTH) / max(widest, self.rule_at or 0)
        for label, values in self.groups:
            shown = [name for name in self.series if name in values]
            height = len(shown) * (BAR_HEIGHT + BAR_GAP)
            bars.append(text(LABEL_WIDTH - 10, y + height / 2 + 3, label, "end", size=12))
            for number, name in enumerate(shown):
                bars += self.bar(y + number * (BAR_HEIGHT + BAR_GAP), values[name], scale, name)
            y += height + GROUP_GAP
        return self.page([*legend, *self.rule(top, y - GROUP_GAP, scale), *bars], y)

    def page(self, content, height):
        head = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
            f'viewBox="0 0 {WIDTH} {height}" role="img" font-family="system-ui, sans-serif">',
            f"<title>{escape(self.title)}</title>",
            text(MARGIN, 22, self.title, weight=600, size=16, colour=STRONG_TEXT),
            text(MARGIN, 41, self.subtitle, size=12),
        ]
        return "\n".join([*head, *content, "</svg>"]) + "\n"

    def legend(self):
        """The series and their colours, in as many lines as they need; and where the last line ends."""
        parts, x, y = [], MARGIN, LEGEND_TOP
        for name in self.series:
            width = round(15 + len(name) * LETTER_WIDTH + 18)
            if x > MARGIN and x + width > WIDTH:
                x, y = MARGIN, y + LEGEND_LINE
            parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" rx="2" fill="{self.colour(name)}"/>')
            parts.append(text(x + 15, y + 9, name, size=12))
            x += width
        return parts, y + 10

    def rule(self, top, bottom, scale):
        if self.rule_at is None:
            return []
        x = LABEL_WIDTH + self.rule_at * scale
        return [
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{top - 5}" y2="{bottom + 5}" stroke="{RULE}" stroke-opacity="0.5" '
            'stroke-dasharray="3 3"/>'
        ]

    def bar(self, y, value, scale, name):
        width = max(value * scale, 1)
        weight = 600 if name == self.series[0] else 400
        return (
            f'<rect x="{LABEL_WIDTH}" y="{y}" width="{width:.1f}" height="{BAR_HEIGHT}" rx="2" '
            f'fill="{self.colour(name)}"/>',
            text(LABEL_WIDTH + width + 5, y + BAR_HEIGHT - 2, self.shown(value), weight=weight, size=10),
        )

    def colour(self, name):
        if name == self.limit:
            return LIMIT_COLOUR
        return COLOURS[self.series.index(name) % len(COLOURS)]


def text(x, y, content, anchor="start", weight=400, size=11, colour=TEXT):
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}">{escape(content)}</text>'
    )
