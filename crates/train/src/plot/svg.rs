//! The little of SVG that charts need.

use std::fmt::Write;

/// Colours are chosen to be told apart by lightness too, on both grounds. Plain classes, no variables: not every
/// viewer knows those.
const STYLE: &str = "\
text{font:12px system-ui,'Segoe UI','Noto Sans','Noto Sans CJK SC',sans-serif}.title{font-size:17px;font-weight:600}\
.head{font-size:13px;font-weight:600}.end{text-anchor:end}.mid{text-anchor:middle}.tiny{font-size:8px}\
.paper{fill:#fbfbfe}.ink{fill:#1a1c38}.soft{fill:#565a7c}.grid{stroke:#d9dcea;fill:none}.axis{stroke:#8a8eac;fill:none}\
.curve{fill:none;stroke-width:2;stroke-linejoin:round}.quiet{fill:none;stroke:#9a9ec0;stroke-opacity:.45}\
.cell{fill:#4f3fcf}.on{fill:#fff}\
.s0{stroke:#4f3fcf}.s1{stroke:#c2570c}.s2{stroke:#0a7a63}.s3{stroke:#b3246b}.s4{stroke:#1d6fb8}\
.s5{stroke:#7b6400}.s6{stroke:#7d2fb0}.s7{stroke:#4d7a12}.s8{stroke:#a8321e}.s9{stroke:#3d4a63}.s10{stroke:#00707f}\
@media (prefers-color-scheme:dark){.paper{fill:#12142a}.ink{fill:#e8e9f6}.soft{fill:#a3a7c8}.grid{stroke:#2b2e52}\
.axis{stroke:#6d719a}.quiet{stroke:#8a8ec0}.cell{fill:#a79bff}.on{fill:#12142a}\
.s0{stroke:#a79bff}.s1{stroke:#ffa45c}.s2{stroke:#4fd6b5}.s3{stroke:#ff85b9}.s4{stroke:#7cbcff}\
.s5{stroke:#e3c94f}.s6{stroke:#d39bff}.s7{stroke:#a5d65c}.s8{stroke:#ff9d86}.s9{stroke:#b9c4dd}.s10{stroke:#5fd7e6}}";

/// How many colours there are.
pub const COLOURS: usize = 11;

/// A picture that is being drawn. Coordinates are pixels from the top left corner.
pub struct Svg {
    text: String,
}

impl Svg {
    pub fn new(width: f64, height: f64, title: &str) -> Self {
        let title = escape(title);
        let text = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
             <rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n"
        );
        Self { text }
    }

    /// Text with its baseline at `y`.
    pub fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let _ = writeln!(self.text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text));
    }

    /// Text that runs upwards by `degrees`.
    pub fn turned(&mut self, x: f64, y: f64, degrees: f64, class: &str, text: &str) {
        let text = escape(text);
        let turn = format!("rotate({:.0} {x:.1} {y:.1})", -degrees);
        let _ =
            writeln!(self.text, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" transform=\"{turn}\">{text}</text>");
    }

    pub fn line(&mut self, from: (f64, f64), to: (f64, f64), class: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(self.text, "<path class=\"{class}\" d=\"M{x1:.1} {y1:.1}L{x2:.1} {y2:.1}\"/>");
    }

    /// A line through points, with its name to be read when the pointer rests on it. A point alone becomes a dot.
    pub fn curve(&mut self, points: &[(f64, f64)], class: &str, name: &str) {
        let mut path = String::new();
        for (i, (x, y)) in points.iter().enumerate() {
            let _ = write!(path, "{}{x:.1} {y:.1}", if i == 0 { 'M' } else { 'L' });
        }
        if points.len() == 1 {
            path.push_str("h0.1");
        }
        let round = if points.len() == 1 { " stroke-linecap=\"round\" style=\"stroke-width:6\"" } else { "" };
        let name = escape(name);
        let _ = writeln!(self.text, "<path class=\"{class}\"{round} d=\"{path}\"><title>{name}</title></path>");
    }

    /// A rectangle of this opacity with a text to be read when the pointer rests on it.
    pub fn cell(&mut self, [x, y, w, h]: [f64; 4], opacity: f64, name: &str) {
        let name = escape(name);
        let _ = writeln!(
            self.text,
            "<rect class=\"cell\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" \
             fill-opacity=\"{opacity:.3}\"><title>{name}</title></rect>"
        );
    }

    /// The outline of a rectangle.
    pub fn frame(&mut self, [x, y, w, h]: [f64; 4]) {
        let _ =
            writeln!(self.text, "<rect class=\"axis\" x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\"/>");
    }

    pub fn finish(mut self) -> String {
        self.text.push_str("</svg>\n");
        self.text
    }
}

/// Text as XML; what XML can't hold becomes a space.
fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => safe.push(' '),
            _ => safe.push(c),
        }
    }
    safe
}
