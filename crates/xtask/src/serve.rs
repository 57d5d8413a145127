//! A small static server: `www/` at `/`, with `weights/` and `configs/` beside it, and `weights/` once more where the
//! package has them, `lib/weights/`. Loopback only, GET and HEAD only.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use crate::Outcome;

/// A request's head may be this long.
const HEAD_LIMIT: u64 = 16 * 1024;

/// Serves until it is stopped. Port 0 takes a free one; the address is printed.
pub fn serve(root: &Path, port: u16) -> Outcome {
    let listener = TcpListener::bind(("127.0.0.1", port))
        .map_err(|error| format!("port {port}: {error} (another server? try `serve 0`)"))?;
    println!("http://127.0.0.1:{}/", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    for stream in listener.incoming().flatten() {
        let root = root.to_path_buf();
        std::thread::spawn(move || {
            // A visitor who hangs up is no error of ours.
            let _ = answer(&root, stream);
        });
    }
    Ok(())
}

fn answer(root: &Path, mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(HEAD_LIMIT));
    let mut request = String::new();
    reader.read_line(&mut request)?;
    let mut line = String::new();
    while reader.read_line(&mut line)? > 2 {
        line.clear();
    }
    let mut words = request.split_whitespace();
    let (method, address) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut send = |status: &str, mime: &str, body: &[u8]| {
        let head = head(status, mime, body.len(), isolated(root));
        stream.write_all(head.as_bytes())?;
        if method != "HEAD" {
            stream.write_all(body)?;
        }
        stream.flush()
    };
    if method != "GET" && method != "HEAD" {
        return send("405 Method Not Allowed", "text/plain", b"GET and HEAD only\n");
    }
    // Made anew for every visitor: it is as new as the files.
    if address.split(['?', '#']).next() == Some("/precache.json") {
        let list = crate::precache::of_repository(root)?;
        return send("200 OK", mime(Path::new("precache.json")), list.as_bytes());
    }
    match file(root, address).and_then(|path| std::fs::read(&path).ok().map(|bytes| (path, bytes))) {
        Some((path, bytes)) => send("200 OK", mime(&path), &bytes),
        None => send("404 Not Found", "text/plain", b"not found\n"),
    }
}

/// Whether pages are isolated, so that they may share memory between threads: where the modules with threads are.
fn isolated(root: &Path) -> bool {
    root.join("www/lib/pkg/threads").is_dir()
}

/// An answer's head.
fn head(status: &str, mime: &str, length: usize, isolated: bool) -> String {
    let isolation = match isolated {
        true => {
            "Cross-Origin-Opener-Policy: same-origin\r\nCross-Origin-Embedder-Policy: require-corp\r\n\
             Cross-Origin-Resource-Policy: cross-origin\r\n"
        }
        false => "",
    };
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: {mime}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\n\
         X-Content-Type-Options: nosniff\r\n{isolation}Connection: close\r\n\r\n"
    )
}

/// The file behind an address; nothing outside the three folders.
fn file(root: &Path, address: &str) -> Option<PathBuf> {
    let path = decode(address.split(['?', '#']).next()?)?;
    let relative = Path::new(path.trim_start_matches('/'));
    if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
        return None;
    }
    let mut found = match relative.strip_prefix("lib/weights") {
        Ok(weights) => root.join("weights").join(weights),
        Err(_) if relative.starts_with("weights") || relative.starts_with("configs") => root.join(relative),
        Err(_) => root.join("www").join(relative),
    };
    if found.is_dir() {
        found = found.join("index.html");
    }
    let real = found.canonicalize().ok()?;
    real.starts_with(root.canonicalize().ok()?).then_some(real)
}

/// Percent decoding.
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digits = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&digits).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn mime(path: &Path) -> &'static str {
    match path.extension().and_then(|end| end.to_str()).unwrap_or("") {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "wasm" => "application/wasm",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "webp" => "image/webp",
        "ico" => "image/x-icon",
        "yaml" | "md" | "txt" | "ts" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_stay_inside() {
        let root = crate::root();
        assert!(file(&root, "/../Cargo.toml").is_none());
        assert!(file(&root, "/%2e%2e/Cargo.toml").is_none());
        assert!(file(&root, "/weights/../Cargo.toml").is_none());
        assert!(file(&root, "/lib/weights/../../Cargo.toml").is_none());
        assert!(file(&root, "/lib/weights/manifest.json").is_some_and(|path| path.ends_with("weights/manifest.json")));
        assert!(file(&root, "//etc/passwd").is_none());
        assert!(file(&root, "/%zz").is_none());
        assert!(file(&root, "/?query").is_some_and(|path| path.ends_with("www/index.html")));
    }

    #[test]
    fn modules_need_their_types() {
        assert_eq!(mime(Path::new("a.wasm")), "application/wasm");
        assert!(mime(Path::new("a.js")).starts_with("text/javascript"));
    }
}
