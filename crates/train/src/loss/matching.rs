//! Assigns labels to anchors and cells.

use super::Target;

/// A label matched with an anchor of a cell.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Match {
    /// Picture of the batch.
    pub image: usize,
    /// Anchor of the level.
    pub anchor: usize,
    /// Row of the cell.
    pub row: usize,
    /// Column of the cell.
    pub column: usize,
    /// Centre relative to the cell, and size, in cells.
    pub bounds: [f32; 4],
    /// Class number.
    pub class: usize,
    /// The label's weight.
    pub weight: f32,
}

/// The matches of a level of `[height, width]` cells, in the reference's order: all own cells first, then the left, the
/// upper, the right and the lower neighbours; in each of them anchor by anchor.
pub fn match_level(anchors: &[[f32; 2]], [height, width]: [usize; 2], targets: &[Target], ratio: f32) -> Vec<Match> {
    let (columns, rows) = (width as f32, height as f32);
    let mut close = Vec::new();
    for (anchor, sides) in anchors.iter().enumerate() {
        for target in targets {
            let [x, y, w, h] = target.bounds;
            let bounds = [x * columns, y * rows, w * columns, h * rows];
            let apart = |side: f32, of: f32| (side / of).max(of / side);
            if apart(bounds[2], sides[0]).max(apart(bounds[3], sides[1])) < ratio {
                close.push((anchor, target, bounds));
            }
        }
    }
    /// Whether the neighbour before, or the one behind, is the nearer one and exists.
    fn near(at: f32) -> bool {
        at % 1.0 < 0.5 && at > 1.0
    }
    type Takes = fn(f32, f32, f32, f32) -> bool;
    let takes: [Takes; 5] = [
        |_, _, _, _| true,
        |x, _, _, _| near(x),
        |_, y, _, _| near(y),
        |x, _, columns, _| near(columns - x),
        |_, y, _, rows| near(rows - y),
    ];
    let shifts = [[0.0, 0.0], [0.5, 0.0], [0.0, 0.5], [-0.5, 0.0], [0.0, -0.5]];
    let mut found = Vec::new();
    for (takes, [dx, dy]) in takes.into_iter().zip(shifts) {
        for &(anchor, target, [x, y, w, h]) in &close {
            if !takes(x, y, columns, rows) {
                continue;
            }
            let cell = |at: f32, count: usize| (at.trunc().max(0.0) as usize).min(count - 1);
            let (column, row) = (cell(x - dx, width), cell(y - dy, height));
            found.push(Match {
                image: target.image,
                anchor,
                row,
                column,
                bounds: [x - column as f32, y - row as f32, w, h],
                class: target.class,
                weight: target.weight,
            });
        }
    }
    found
}
