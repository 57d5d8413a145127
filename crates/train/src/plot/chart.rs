//! A chart: axes, lines, a legend.

use super::svg::{COLOURS, Svg};

/// Width of a chart with its margins.
pub(super) const WIDTH: f64 = 460.0;
/// Its height with title and legend.
pub(super) const HEIGHT: f64 = 430.0;
/// Legends with more lines than this would run out of the picture.
const MOST_LEGEND: usize = 12;

/// One line of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What the legend says.
    pub name: String,
    /// Its points from left to right; those that are not numbers are gaps.
    pub points: Vec<(f64, f64)>,
    /// Thin, grey, not in the legend.
    pub quiet: bool,
}

/// What an axis covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Range {
    /// From the least value to the largest.
    Data,
    /// From 0 to the largest value.
    FromZero,
    /// From 0 to 1.
    Unit,
}

/// Lines over common axes.
#[derive(Clone, Debug, PartialEq)]
pub struct Chart {
    /// What stands above it.
    pub title: String,
    /// What the horizontal axis means.
    pub x: String,
    /// What the vertical axis means.
    pub y: String,
    /// What the horizontal axis covers.
    pub x_range: Range,
    /// What the vertical axis covers.
    pub range: Range,
    /// The lines.
    pub series: Vec<Series>,
}

impl Chart {
    pub(super) fn draw(&self, svg: &mut Svg, left: f64, top: f64) {
        let named: Vec<&Series> = self.series.iter().filter(|s| !s.quiet).take(MOST_LEGEND).collect();
        let legend = named.len().div_ceil(2) as f64 * 17.0;
        let (x0, x1) = (left + 64.0, left + WIDTH - 24.0);
        let (y0, y1) = (top + HEIGHT - 52.0, top + 34.0 + legend);
        svg.text(x0, top + 14.0, "ink head", &self.title);
        let across = self.ticks(|p| p.0, self.x_range);
        let up = self.ticks(|p| p.1, self.range);
        let place = |(x, y): (f64, f64)| (between(x, &across, x0, x1), between(y, &up, y0, y1));
        for &tick in &across {
            let x = between(tick, &across, x0, x1);
            svg.line((x, y0), (x, y1), "grid");
            svg.text(x, y0 + 17.0, "soft mid", &short(tick));
        }
        for &tick in &up {
            let y = between(tick, &up, y0, y1);
            svg.line((x0, y), (x1, y), "grid");
            svg.text(x0 - 7.0, y + 4.0, "soft end", &short(tick));
        }
        svg.line((x0, y0), (x1, y0), "axis");
        svg.line((x0, y0), (x0, y1), "axis");
        svg.text((x0 + x1) / 2.0, y0 + 36.0, "soft mid", &self.x);
        svg.turned(left + 16.0, (y0 + y1) / 2.0, 90.0, "soft mid", &self.y);
        for series in self.series.iter().filter(|s| s.quiet) {
            self.line(svg, series, "quiet", place);
        }
        let mut loud: Vec<(usize, &Series)> = self.series.iter().filter(|s| !s.quiet).enumerate().collect();
        for (i, series) in loud.iter().take(MOST_LEGEND) {
            let (x, y) = (x0 + (i % 2) as f64 * (x1 - x0) / 2.0, top + 34.0 + (i / 2) as f64 * 17.0);
            svg.line((x, y - 4.0), (x + 18.0, y - 4.0), &colour(*i));
            svg.text(x + 24.0, y, "ink", &cut(&series.name, 24));
        }
        // The first one lies on top.
        loud.reverse();
        for (i, series) in loud {
            self.line(svg, series, &colour(i), place);
        }
    }

    /// Draws a line; a gap ends it and begins another one.
    fn line(&self, svg: &mut Svg, series: &Series, class: &str, place: impl Fn((f64, f64)) -> (f64, f64)) {
        for part in series.points.split(|(x, y)| !x.is_finite() || !y.is_finite()) {
            if !part.is_empty() {
                svg.curve(&part.iter().map(|p| place(*p)).collect::<Vec<_>>(), class, &series.name);
            }
        }
    }

    /// Round numbers that cover an axis.
    fn ticks(&self, pick: fn(&(f64, f64)) -> f64, range: Range) -> Vec<f64> {
        let finite = self.series.iter().flat_map(|s| &s.points).filter(|p| p.0.is_finite() && p.1.is_finite());
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for value in finite.map(pick) {
            (low, high) = (low.min(value), high.max(value));
        }
        match range {
            Range::Unit => (low, high) = (0.0, 1.0),
            _ if low > high => (low, high) = (0.0, 1.0),
            Range::FromZero => (low, high) = (low.min(0.0), high.max(0.0)),
            Range::Data => {}
        }
        if high - low <= 1e-12 * high.abs().max(1e-12) {
            high = low + low.abs().max(1.0);
        }
        let rough = (high - low) / 5.0;
        let power = 10f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|s| s * power).into_iter().find(|s| *s >= rough * 0.999).unwrap_or(rough);
        let (first, last) = ((low / step + 1e-9).floor() as i64, (high / step - 1e-9).ceil() as i64);
        // At most a dozen, whatever the numbers were.
        (first..=last.min(first.saturating_add(12))).map(|i| i as f64 * step).collect()
    }
}

/// Where a value lies on an axis from `start` to `end` whose ticks these are.
fn between(value: f64, ticks: &[f64], start: f64, end: f64) -> f64 {
    let (Some(first), Some(last)) = (ticks.first(), ticks.last()) else { return start };
    if last == first { start } else { start + ((value - first) / (last - first)).clamp(0.0, 1.0) * (end - start) }
}

fn colour(i: usize) -> String {
    format!("curve s{}", i % COLOURS)
}

/// A number with as many digits as one reads.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e5).contains(&size) {
        return format!("{value:.1e}");
    }
    let text = format!("{value:.4}");
    match text.trim_end_matches('0').trim_end_matches('.') {
        "-0" => "0".to_owned(),
        text => text.to_owned(),
    }
}

/// A text of at most `most` letters.
pub(super) fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}
