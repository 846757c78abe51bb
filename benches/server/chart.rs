//! Line charts as SVG, readable on light and on dark pages.

use std::fmt::Write;

use super::run::span;

/// Pixels.
const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 440.0;
const LEFT: f64 = 78.0;
const RIGHT: f64 = 230.0;
const TOP: f64 = 46.0;
const BOTTOM: f64 = 58.0;
/// Legends are not set closer than this.
const LEGEND_STEP: f64 = 17.0;

/// Told apart on white and on black, and by those who see red and green alike.
const COLOURS: [&str; 8] =
    ["#0077bb", "#ee7733", "#009988", "#cc3311", "#33a0d8", "#ee3377", "#9a8700", "#888888"];

/// A chart; both scales are logarithmic, values are nanoseconds.
pub struct Chart {
    /// Of the file, without `.svg`.
    pub name: &'static str,
    pub title: String,
    pub x_label: String,
    pub y_label: &'static str,
    /// Where a vertical line stands, and what it says.
    pub ticks: Vec<(f64, String)>,
    pub lines: Vec<Line>,
}

/// What one contender did.
pub struct Line {
    pub name: String,
    /// Drawn strong, the others thin.
    pub is_ours: bool,
    pub points: Vec<(f64, f64)>,
}

/// A logarithmic scale from values to pixels.
struct Scale {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Scale {
    fn at(&self, value: f64) -> f64 {
        let part = (value.ln() - self.from.ln()) / (self.to.ln() - self.from.ln());
        self.start + part * (self.end - self.start)
    }
}

impl Chart {
    /// The picture.
    pub fn svg(&self) -> String {
        let values = || self.lines.iter().flat_map(|line| &line.points);
        let least = values().map(|point| point.1).fold(f64::MAX, f64::min).max(1.0);
        let most = values().map(|point| point.1).fold(0.0, f64::max);
        let (first, last) = (self.ticks[0].0, self.ticks[self.ticks.len() - 1].0);
        let x = Scale { from: first, to: last, start: LEFT, end: WIDTH - RIGHT };
        let y = Scale {
            from: 10_f64.powf(least.log10().floor()),
            to: 10_f64.powf((most * 1.01).log10().ceil()),
            start: HEIGHT - BOTTOM,
            end: TOP,
        };
        let mut out = head(&self.title);
        self.frame(&mut out, &x, &y);
        let mut legend: Vec<(f64, usize)> = vec![];
        for (at, line) in self.lines.iter().enumerate() {
            let points: Vec<String> = line
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x.at(point.0), y.at(point.1)))
                .collect();
            let (colour, width) =
                (COLOURS[at % COLOURS.len()], if line.is_ours { 3.2 } else { 1.8 });
            let dashes = if line.is_ours { "" } else { " stroke-dasharray=\"6 3\"" };
            let _ = writeln!(
                out,
                r#"<polyline fill="none" stroke="{colour}" stroke-width="{width}"{dashes} points="{}"/>"#,
                points.join(" ")
            );
            for point in &points {
                let (px, py) = point.split_once(',').unwrap_or_default();
                let _ =
                    writeln!(out, r#"<circle cx="{px}" cy="{py}" r="{width}" fill="{colour}"/>"#);
            }
            if let Some(point) = line.points.last() {
                legend.push((y.at(point.1), at));
            }
        }
        self.legend(&mut out, legend);
        out.push_str("</svg>\n");
        out
    }

    /// Title, axes and the lines behind the data.
    fn frame(&self, out: &mut String, x: &Scale, y: &Scale) {
        let (low, high) = (HEIGHT - BOTTOM, TOP);
        let _ = writeln!(
            out,
            r#"<text x="{LEFT}" y="24" class="title">{}</text>"#,
            escape(&self.title)
        );
        let mut value = y.from;
        while value <= y.to * 1.001 {
            let at = y.at(value);
            let _ = writeln!(
                out,
                r#"<line x1="{LEFT}" x2="{:.1}" y1="{at:.1}" y2="{at:.1}" class="grid"/><text x="{:.1}" y="{:.1}" text-anchor="end">{}</text>"#,
                x.end,
                LEFT - 8.0,
                at + 4.0,
                round_span(value)
            );
            value *= 10.0;
        }
        for (value, text) in &self.ticks {
            let at = x.at(*value);
            let _ = writeln!(
                out,
                r#"<line x1="{at:.1}" x2="{at:.1}" y1="{low}" y2="{high}" class="grid"/><text x="{at:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
                low + 18.0,
                escape(text)
            );
        }
        let _ = writeln!(
            out,
            r#"<text x="{:.1}" y="{:.1}" text-anchor="middle">{}</text>"#,
            f64::midpoint(x.start, x.end),
            HEIGHT - 14.0,
            escape(&self.x_label)
        );
        let middle = f64::midpoint(low, high);
        let _ = writeln!(
            out,
            r#"<text x="16" y="{middle:.1}" text-anchor="middle" transform="rotate(-90 16 {middle:.1})">{}</text>"#,
            escape(self.y_label)
        );
    }

    /// Each name beside the end of its line, as near as the names leave room.
    fn legend(&self, out: &mut String, mut places: Vec<(f64, usize)>) {
        places.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut free = TOP - LEGEND_STEP;
        let lowest = HEIGHT - BOTTOM - LEGEND_STEP * places.len() as f64;
        for (rank, (wanted, at)) in places.into_iter().enumerate() {
            let room = lowest + LEGEND_STEP * (rank as f64 + 1.0);
            let place = wanted.min(room).max(free + LEGEND_STEP);
            free = place;
            let line = &self.lines[at];
            let weight = if line.is_ours { " font-weight=\"600\"" } else { "" };
            let _ = writeln!(
                out,
                r#"<text x="{:.1}" y="{:.1}" style="fill:{}"{weight}>{}</text>"#,
                WIDTH - RIGHT + 12.0,
                place + 4.0,
                COLOURS[at % COLOURS.len()],
                escape(&line.name)
            );
        }
    }
}

fn head(title: &str) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{}">
<style>
text {{ font: 12px system-ui, sans-serif; fill: #333 }}
.title {{ font-size: 15px; font-weight: 600 }}
.grid {{ stroke: #ddd; stroke-width: 1 }}
.page {{ fill: #fff }}
@media (prefers-color-scheme: dark) {{
text {{ fill: #ccc }} .grid {{ stroke: #333 }} .page {{ fill: #0d1117 }}
}}
</style>
<rect class="page" width="100%" height="100%"/>
"#,
        escape(title)
    )
}

/// A power of ten, in nanoseconds.
fn round_span(nanos: f64) -> String {
    span(nanos).replace(".00", "")
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
