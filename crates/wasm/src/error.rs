//! Errors across the border: JavaScript's `Error` with a `code`, and `line` and `column` where a text is wrong.

use ghostdet::ErrorKind;
use wasm_bindgen::JsValue;

/// The core's error as JavaScript sees it.
pub fn thrown(error: ghostdet::Error) -> JsValue {
    let thrown = coded(code(error.kind()), &error.to_string());
    if let Some((line, column)) = error.position() {
        for (name, number) in [("line", line), ("column", column)] {
            let _ = js_sys::Reflect::set(&thrown, &name.into(), &(number as u32).into());
        }
    }
    thrown
}

/// An argument out of range.
pub fn argument(message: &str) -> JsValue {
    coded("argument", message)
}

fn coded(code: &str, message: &str) -> JsValue {
    let error = js_sys::Error::new(message);
    // A fresh Error takes any property; there is nothing to do if it did not.
    let _ = js_sys::Reflect::set(&error, &"code".into(), &code.into());
    error.into()
}

fn code(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Config => "config",
        ErrorKind::Weights => "weights",
        ErrorKind::Image => "picture",
        ErrorKind::Data => "data",
        ErrorKind::Argument => "argument",
        ErrorKind::Device => "device",
        ErrorKind::Numeric => "numeric",
        ErrorKind::Io => "io",
        _ => "internal",
    }
}
