//! The confusion matrix.

use ghostdet::detection::metrics::ConfusionMatrix;

use super::chart::cut;
use super::svg::Svg;

/// With more classes than this the cells have no room for numbers.
const MOST_NUMBERED: usize = 20;
/// Room for class names.
const NAMES: f64 = 130.0;

/// Who was taken for whom: rows what was predicted, columns what it was, the last of both the background. A cell says
/// which share of the objects of its column came out as its row.
pub fn confusion(title: &str, matrix: &ConfusionMatrix, names: &[String]) -> String {
    let rows: Vec<Vec<u64>> = matrix.rows().collect();
    let count = rows.len();
    let name = |class: usize| match names.get(class) {
        _ if class + 1 == count => "background".to_owned(),
        Some(name) => name.clone(),
        None => class.to_string(),
    };
    let sums: Vec<u64> = (0..count).map(|column| rows.iter().map(|row| row[column]).sum()).collect();
    let cell = (640.0 / count as f64).clamp(10.0, 56.0);
    let side = cell * count as f64;
    let (left, top) = (NAMES + 40.0, 64.0);
    // The title needs room too.
    let width = (left + side + 30.0).max(420.0);
    let mut svg = Svg::new(width, top + side + NAMES + 30.0, title);
    svg.text(24.0, 32.0, "ink title", title);
    svg.turned(18.0, top + side / 2.0, 90.0, "soft mid", "predicted");
    svg.text(left + side / 2.0, top + side + NAMES + 16.0, "soft mid", "true");
    let small = if cell < 14.0 { " tiny" } else { "" };
    for class in 0..count {
        let middle = (class as f64 + 0.5) * cell;
        let short = cut(&name(class), 18);
        svg.text(left - 8.0, top + middle + 4.0, &format!("ink end{small}"), &short);
        svg.turned(left + middle + 4.0, top + side + 8.0, 90.0, &format!("ink end{small}"), &short);
    }
    for (predicted, row) in rows.iter().enumerate() {
        for (truth, &times) in row.iter().enumerate().filter(|(_, times)| **times > 0) {
            let share = times as f64 / sums[truth] as f64;
            let (x, y) = (left + truth as f64 * cell, top + predicted as f64 * cell);
            let text = format!("{} predicted as {}: {times} of {}", name(truth), name(predicted), sums[truth]);
            svg.cell([x, y, cell, cell], share, &text);
            if count <= MOST_NUMBERED {
                let class = if share > 0.5 { "on mid" } else { "ink mid" };
                svg.text(x + cell / 2.0, y + cell / 2.0 + 4.0, class, &format!("{share:.2}"));
            }
        }
    }
    svg.frame([left, top, side, side]);
    svg.finish()
}
