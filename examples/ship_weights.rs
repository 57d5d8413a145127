//! Makes a shipped weights file of a trained one: batch norm folded, fp16, configuration and card inside.
//! Prints its entry's size and SHA-256 for `weights/manifest.json`.
//!
//! `cargo run --example ship_weights -- TRAINED CONFIG.yaml IMGSZ CARD.json OUT.safetensors`

use std::error::Error;
use std::fs;

use ghostdet::weights::{Checkpoint, manifest};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [trained, config, size, card, out] = arguments.as_slice() else {
        return Err("usage: ship_weights TRAINED CONFIG.yaml IMGSZ CARD.json OUT.safetensors".into());
    };
    let mut checkpoint = Checkpoint::load(&fs::read(trained)?)?;
    checkpoint.fold()?;
    checkpoint.yaml = Some(fs::read_to_string(config)?);
    checkpoint.imgsz = Some(size.parse()?);
    checkpoint.card = Some(serde_json::from_str(&fs::read_to_string(card)?)?);
    let file = checkpoint.to_safetensors(true)?;
    println!("\"sha256\": \"{}\",\n\"bytes\": {}", manifest::sha256(&file), file.len());
    fs::write(out, file)?;
    Ok(())
}
