//! Who belongs to whom: pairs of the greatest total weight.

/// Pairs `(row, column)`, each row and each column in one pair at most, whose weights add up to the most. Pairs with
/// weights that are not above 0 are never made.
///
/// Rows and columns that no chain of possible pairs connects are solved apart: in a picture most boxes overlap few others.
pub fn assign(rows: usize, columns: usize, weight: impl Fn(usize, usize) -> f64) -> Vec<(usize, usize)> {
    let mut edges = Vec::new();
    let mut group: Vec<usize> = (0..rows + columns).collect();
    for row in 0..rows {
        for column in 0..columns {
            let weight = weight(row, column);
            if weight > 0.0 {
                edges.push((row, column, weight));
                let (a, b) = (find(&mut group, row), find(&mut group, rows + column));
                group[a] = b;
            }
        }
    }
    let mut parts: Vec<Part> = Vec::new();
    let mut part_of = vec![usize::MAX; rows + columns];
    // The place of each row and column in its part.
    let mut places = vec![usize::MAX; rows + columns];
    for (row, column, weight) in edges {
        let part = &mut part_of[find(&mut group, row)];
        if *part == usize::MAX {
            *part = parts.len();
            parts.push(Part::default());
        }
        let part = &mut parts[*part];
        for (member, name, names) in [(row, row, &mut part.rows), (rows + column, column, &mut part.columns)] {
            if places[member] == usize::MAX {
                places[member] = names.len();
                names.push(name);
            }
        }
        part.edges.push((places[row], places[rows + column], weight));
    }
    parts.iter().flat_map(Part::solve).collect()
}

/// The representative of a group.
fn find(group: &mut [usize], mut member: usize) -> usize {
    while group[member] != member {
        group[member] = group[group[member]];
        member = group[member];
    }
    member
}

/// Rows and columns that possible pairs connect; the pairs name them by their places here.
#[derive(Default)]
struct Part {
    rows: Vec<usize>,
    columns: Vec<usize>,
    edges: Vec<(usize, usize, f64)>,
}

impl Part {
    /// The best pairs.
    fn solve(&self) -> Vec<(usize, usize)> {
        // The algorithm gives every row a column, so there must be as many.
        let swap = self.rows.len() > self.columns.len();
        let order = |a: usize, b: usize| if swap { (b, a) } else { (a, b) };
        let (few, many) = order(self.rows.len(), self.columns.len());
        let mut costs = vec![0.0; few * many];
        for &(row, column, weight) in &self.edges {
            let (a, b) = order(row, column);
            costs[a * many + b] = -weight;
        }
        let pairs = cheapest(&costs, few, many);
        let real = pairs.into_iter().filter(|(a, b)| costs[a * many + b] < 0.0);
        real.map(|(a, b)| order(a, b)).map(|(row, column)| (self.rows[row], self.columns[column])).collect()
    }
}

/// A column for every row at the least total cost: the Hungarian method with shortest augmenting paths (Kuhn 1955, Jonker and
/// Volgenant 1987), in `O(rows² columns)`. `rows <= columns`; costs are row-major and finite.
fn cheapest(costs: &[f64], rows: usize, columns: usize) -> Vec<(usize, usize)> {
    let (mut row_price, mut column_price) = (vec![0.0; rows], vec![0.0; columns]);
    let mut row_of: Vec<Option<usize>> = vec![None; columns];
    for start in 0..rows {
        // The shortest path from `start` over pairs that can be changed to a free column.
        let mut distance = vec![f64::INFINITY; columns];
        let mut before: Vec<Option<usize>> = vec![None; columns];
        let mut done = vec![false; columns];
        let (mut row, mut last, mut length) = (start, None, 0.0);
        let end = loop {
            let mut next = None;
            for column in (0..columns).filter(|&column| !done[column]) {
                let through = length + costs[row * columns + column] - row_price[row] - column_price[column];
                if through < distance[column] {
                    (distance[column], before[column]) = (through, last);
                }
                if next.is_none_or(|best: usize| distance[column] < distance[best]) {
                    next = Some(column);
                }
            }
            // There is a free column as long as rows <= columns.
            let Some(column) = next else { return Vec::new() };
            (done[column], length, last) = (true, distance[column], Some(column));
            match row_of[column] {
                Some(taken) => row = taken,
                None => break column,
            }
        };
        row_price[start] += length;
        for column in (0..columns).filter(|&column| done[column]) {
            let less = length - distance[column];
            column_price[column] -= less;
            if let Some(row) = row_of[column] {
                row_price[row] += less;
            }
        }
        // Along the path, each column takes the row of the one before it.
        let mut column = end;
        while let Some(previous) = before[column] {
            row_of[column] = row_of[previous];
            column = previous;
        }
        row_of[column] = Some(start);
    }
    row_of.iter().enumerate().filter_map(|(column, row)| Some(((*row)?, column))).collect()
}

#[cfg(test)]
mod tests {
    use super::assign;

    /// The greatest total over all ways to pair.
    fn best(weights: &[Vec<f64>], row: usize, taken: u32) -> f64 {
        let Some(line) = weights.get(row) else { return 0.0 };
        let free = line.iter().enumerate().filter(|(column, weight)| taken & (1 << column) == 0 && **weight > 0.0);
        let with = free.map(|(column, weight)| weight + best(weights, row + 1, taken | 1 << column));
        with.fold(best(weights, row + 1, taken), f64::max)
    }

    #[test]
    fn pairs_have_the_greatest_total() {
        let mut random = fastrand::Rng::with_seed(5);
        for _ in 0..3000 {
            let (rows, columns) = (random.usize(0..6), random.usize(0..6));
            let mut one = || if random.f64() < 0.4 { -1.0 } else { (random.f64() * 8.0).round() / 4.0 };
            let weights: Vec<Vec<f64>> = (0..rows).map(|_| (0..columns).map(|_| one()).collect()).collect();
            let pairs = assign(rows, columns, |row, column| weights[row][column]);
            let total: f64 = pairs.iter().map(|(row, column)| weights[*row][*column]).sum();
            assert!((total - best(&weights, 0, 0)).abs() < 1e-9, "{weights:?}: {pairs:?}");
            let once = |of: fn(&(usize, usize)) -> usize| {
                pairs.iter().map(of).collect::<std::collections::BTreeSet<_>>().len() == pairs.len()
            };
            assert!(once(|pair| pair.0) && once(|pair| pair.1), "{pairs:?}");
            assert!(pairs.iter().all(|(row, column)| weights[*row][*column] > 0.0));
        }
    }

    #[test]
    fn weights_that_are_no_numbers_make_no_pairs() {
        assert!(assign(2, 2, |_, _| f64::NAN).is_empty());
    }
}
