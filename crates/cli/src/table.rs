//! Tables for people: plain columns, as wide as their longest text, whatever the letters.

use comfy_table::{CellAlignment, Table, presets};

/// What a column holds.
#[derive(Clone, Copy)]
pub enum Column {
    /// Text, aligned on the left.
    Text(&'static str),
    /// Numbers, aligned on the right.
    Number(&'static str),
}

/// A table with these columns.
pub fn table(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(columns.iter().map(|&column| match column {
        Column::Text(name) | Column::Number(name) => name,
    }));
    for (column, settings) in columns.iter().zip(table.column_iter_mut()) {
        if let Column::Number(_) = column {
            settings.set_cell_alignment(CellAlignment::Right);
        }
        settings.set_padding((0, 2));
    }
    table
}
