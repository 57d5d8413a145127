//! Modules from the text in which the golden files name them.

use ghostdet::model::modules::{self, Channels};
use ghostdet::model::{Activation, Block};

/// `Conv(8, 16, k=3, s=2)` as the golden file writes it, as a block whose keys begin with `model.0`; and its input channels.
/// `channels` are those of the case's input, for modules that do not name them. `None` for modules with several inputs.
pub fn module(text: &str, channels: usize, default: Activation) -> Option<(Block, usize)> {
    if let Some(rest) = text.strip_prefix("Sequential(") {
        let parts = split(rest.strip_suffix(')')?);
        let blocks = parts.iter().map(|part| Some(module(part, channels, default)?.0)).collect::<Option<Vec<_>>>()?;
        return Some((Block::Chain(blocks), channels));
    }
    let (name, rest) = text.split_once('(')?;
    let name = match name {
        "Upsample" | "ConvTranspose2d" => format!("nn.{name}"),
        "Concat" | "Detect" => return None,
        other => other.to_owned(),
    };
    let mut depth = 1;
    let end = rest.find(|c| {
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        depth == 0
    })?;
    let definition = modules::definitions().find(|one| one.name == name);
    let known = definition.map_or(&["c", "num_heads"][..], |one| one.arguments);
    let scaled = definition.is_some_and(|one| matches!(one.channels, Channels::Scaled { .. }));
    let takes_repeats = definition.is_some_and(|one| one.channels == Channels::Scaled { repeats: true });
    let (mut list, mut named): (Vec<String>, Vec<(String, String)>) = (Vec::new(), Vec::new());
    for argument in split(&rest[..end]) {
        match argument.split_once('=').filter(|(key, _)| key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')) {
            Some((key, value)) => named.push((key.to_owned(), yaml(value))),
            None => list.push(yaml(argument)),
        }
    }
    let inputs = if scaled { list.remove(0).parse().expect("input channels") } else { channels };
    let mut repeats = 1;
    if takes_repeats {
        named.retain(|(key, value)| {
            let is_repeats = key == "n";
            if is_repeats {
                repeats = value.parse().expect("repeats");
            }
            !is_repeats
        });
    }
    while !named.is_empty() {
        let key = known.get(list.len()).unwrap_or_else(|| panic!("{text}: no argument is called {named:?}"));
        match named.iter().position(|(name, _)| name == key) {
            Some(at) => list.push(named.remove(at).1),
            None => list.push(default_of(&name, key).to_owned()),
        }
    }
    let arguments = format!("[{}]", list.join(", "));
    let block = modules::build(&name, "model.0", inputs, &arguments, repeats, default);
    Some((block.unwrap_or_else(|error| panic!("{text}: {error}")), inputs))
}

/// What the reference takes where nothing is given.
fn default_of(module: &str, argument: &str) -> &'static str {
    match (module, argument) {
        (_, "p") => "None",
        ("CrossConv", "shortcut") => "False",
        (_, "shortcut" | "equal_ch" | "bias") => "True",
        ("CrossConv", "e") => "1.0",
        (_, "e") => "0.5",
        ("MixConv2d", "k") => "[1, 3]",
        ("GhostBottleneck" | "CrossConv", "k") => "3",
        (_, "p1" | "p2") => "0",
        _ => "1",
    }
}

/// Tuples are lists in YAML.
fn yaml(value: &str) -> String {
    let value = value.trim().trim_matches('\'');
    match value.strip_prefix('(').and_then(|value| value.strip_suffix(')')) {
        Some(inner) => format!("[{inner}]"),
        None => value.to_owned(),
    }
}

/// Arguments, at the commas outside of all brackets.
fn split(text: &str) -> Vec<&str> {
    let mut depth = 0;
    text.split(|c| {
        depth += i32::from("([".contains(c)) - i32::from(")]".contains(c));
        c == ',' && depth == 0
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
    .collect()
}
