//! Errors across the border: JavaScript's `Error` with a `code`.

use ghostdet::ErrorKind;
use wasm_bindgen::JsValue;

/// The core's error as JavaScript sees it.
pub fn thrown(error: ghostdet::Error) -> JsValue {
    coded(code(error.kind()), &error.to_string())
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
