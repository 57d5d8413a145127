//! The list of files that the page keeps for use without a network, with their hashes: `precache.json`. The service worker
//! (`www/sw.js`) reads it. A file that changes changes the list's version, and the page offers the new version.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Outcome;

/// Endings of files that a browser fetches for the page itself. Weights are kept by the package, by their own hashes.
const KEPT: [&str; 10] = ["html", "css", "js", "wasm", "json", "webmanifest", "svg", "png", "jpg", "yaml"];

/// Files that are read by tools, and the service worker, which browsers keep themselves.
const LEFT_OUT: [&str; 4] = ["sw.js", "tsconfig.json", "package.json", "precache.json"];

/// A file by the address that the page fetches it from.
struct Entry {
    address: String,
    path: PathBuf,
}

/// Writes `precache.json` into a folder with the page, as `trunk build` makes it.
pub fn write(site: &Path) -> Outcome {
    if !site.join("index.html").is_file() {
        return Err(
            format!("precache: {} has no index.html; give the folder that holds the page", site.display()).into()
        );
    }
    let list = list(&[(site, "")])?;
    std::fs::write(site.join("precache.json"), list)?;
    Ok(())
}

/// The list for the repository as `serve` serves it.
pub fn of_repository(root: &Path) -> std::io::Result<String> {
    list(&[(&root.join("www"), ""), (&root.join("weights"), "lib/weights/"), (&root.join("configs"), "configs/")])
}

/// The list as JSON: `{"version": HASH, "files": {ADDRESS: HASH, …}}`. Each folder comes with its address.
fn list(folders: &[(&Path, &str)]) -> std::io::Result<String> {
    let mut entries = Vec::new();
    for (folder, address) in folders {
        if folder.is_dir() {
            walk(folder, address, &mut entries)?;
        }
    }
    entries.sort_by(|a, b| a.address.cmp(&b.address));
    let mut whole = Sha256::new();
    let mut lines = Vec::new();
    for Entry { address, path } in entries {
        let line = format!("{}: \"{}\"", quoted(&address), hex(&Sha256::digest(std::fs::read(path)?)));
        whole.update(&line);
        lines.push(line);
    }
    Ok(format!("{{\n\"version\": \"{}\",\n\"files\": {{\n{}\n}}}}\n", hex(&whole.finalize()), lines.join(",\n")))
}

fn walk(folder: &Path, address: &str, entries: &mut Vec<Entry>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else { continue };
        if name.starts_with('.') || LEFT_OUT.contains(&name) {
            continue;
        }
        let address = format!("{address}{name}");
        if path.is_dir() {
            walk(&path, &format!("{address}/"), entries)?;
        } else if path.extension().and_then(|end| end.to_str()).is_some_and(|end| KEPT.contains(&end)) {
            entries.push(Entry { address, path });
        }
    }
    Ok(())
}

/// A JSON string.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_names_the_page_and_follows_its_files() {
        let folder = std::env::temp_dir().join(format!("ghostdet-precache-{}", std::process::id()));
        std::fs::create_dir_all(folder.join("js")).unwrap();
        std::fs::write(folder.join("index.html"), "page").unwrap();
        std::fs::write(folder.join("js/main.js"), "1").unwrap();
        std::fs::write(folder.join("sw.js"), "worker").unwrap();
        std::fs::write(folder.join("big.safetensors"), "weights").unwrap();
        write(&folder).unwrap();
        let first = std::fs::read_to_string(folder.join("precache.json")).unwrap();
        assert!(
            first.contains("\"js/main.js\": \"6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b\""),
            "{first}"
        );
        assert!(!first.contains("sw.js") && !first.contains("safetensors"));
        write(&folder).unwrap();
        assert_eq!(std::fs::read_to_string(folder.join("precache.json")).unwrap(), first, "nothing changed");
        std::fs::write(folder.join("js/main.js"), "2").unwrap();
        write(&folder).unwrap();
        let second = std::fs::read_to_string(folder.join("precache.json")).unwrap();
        assert_ne!(first.lines().nth(1), second.lines().nth(1), "another version");
        assert!(write(&folder.join("js")).is_err());
        std::fs::remove_dir_all(folder).unwrap();
    }
}
