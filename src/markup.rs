//! Markup that is well-formed by construction: elements that close, text that is escaped, numbers that are numbers.
//!
//! What is written is SVG, or HTML that is XML as well, so that a strict parser can check it.

use std::fmt::Write as _;

/// The value of an attribute.
#[derive(Clone, Debug)]
pub enum Value<'a> {
    /// Any text; it is escaped.
    Text(&'a str),
    /// The same, made for the purpose.
    Owned(String),
    /// A coordinate, to a hundredth. An attribute that is not finite is left out.
    Number(f64),
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl From<String> for Value<'_> {
    fn from(text: String) -> Self {
        Value::Owned(text)
    }
}

impl From<f64> for Value<'_> {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}

/// Attributes of an element, by name.
pub type Attributes<'a, 'b> = &'a [(&'static str, Value<'b>)];

/// A document as it grows.
#[derive(Debug, Default)]
pub struct Markup {
    text: String,
    open: Vec<&'static str>,
}

impl Markup {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// A document that begins with `head`, such as its type, as it is.
    pub fn beginning_with(head: &str) -> Self {
        Markup { text: head.to_owned(), open: vec![] }
    }

    /// Opens an element; [`end`](Self::end) closes it.
    pub fn begin(&mut self, name: &'static str, attributes: Attributes<'_, '_>) -> &mut Self {
        self.tag(name, attributes, ">");
        self.open.push(name);
        self
    }

    /// Closes the element opened last.
    ///
    /// # Panics
    ///
    /// If none is open.
    pub fn end(&mut self) -> &mut Self {
        let name = self.open.pop().expect("an open element");
        self.close(name)
    }

    /// An element without content: a shape of SVG, or one that HTML calls void.
    pub fn empty(&mut self, name: &'static str, attributes: Attributes<'_, '_>) -> &mut Self {
        self.tag(name, attributes, "/>")
    }

    /// An element that holds text.
    pub fn element(&mut self, name: &'static str, attributes: Attributes<'_, '_>, text: &str) -> &mut Self {
        self.tag(name, attributes, ">").text(text).close(name)
    }

    /// Text, escaped.
    pub fn text(&mut self, text: &str) -> &mut Self {
        push_escaped(&mut self.text, text);
        self
    }

    /// What is well-formed by itself: other markup, or a style sheet without `<` and `&`.
    pub fn raw(&mut self, markup: &str) -> &mut Self {
        self.text.push_str(markup);
        self
    }

    /// The document, with everything closed.
    pub fn finish(mut self) -> String {
        while !self.open.is_empty() {
            self.end();
        }
        self.text
    }

    fn tag(&mut self, name: &str, attributes: Attributes<'_, '_>, end: &str) -> &mut Self {
        self.text.push('<');
        self.text.push_str(name);
        for (name, value) in attributes {
            let mut escaped = String::new();
            match value {
                Value::Text(text) => push_escaped(&mut escaped, text),
                Value::Owned(text) => push_escaped(&mut escaped, text),
                Value::Number(x) if x.is_finite() => escaped = number(*x),
                Value::Number(_) => continue,
            }
            // Writing to a String cannot fail.
            let _ = write!(self.text, " {name}=\"{escaped}\"");
        }
        self.text.push_str(end);
        self
    }

    fn close(&mut self, name: &str) -> &mut Self {
        let _ = write!(self.text, "</{name}>");
        self
    }
}

/// A number to a hundredth, without trailing zeros.
pub fn number(x: f64) -> String {
    let text = format!("{x:.2}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".into() } else { text.into() }
}

/// Text as it stands in an element or between double quotes. What XML cannot hold becomes a question mark.
fn push_escaped(to: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => to.push_str("&amp;"),
            '<' => to.push_str("&lt;"),
            '>' => to.push_str("&gt;"),
            '"' => to.push_str("&quot;"),
            '\u{FFFE}' | '\u{FFFF}' => to.push('?'),
            c if c.is_control() => to.push('?'),
            c => to.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_and_elements_close() {
        let mut page = Markup::beginning_with("<!DOCTYPE html>");
        page.begin("p", &[("class", "a\"b".into()), ("x", 1.5.into()), ("y", f64::NAN.into())]);
        page.empty("br", &[]).element("b", &[], "<&>\u{1b}[2J\u{FFFF}'ü").begin("i", &[]);
        let expected =
            "<!DOCTYPE html><p class=\"a&quot;b\" x=\"1.5\"><br/><b>&lt;&amp;&gt;?[2J?'ü</b><i></i></p>";
        assert_eq!(page.finish(), expected);
    }

    #[test]
    fn numbers_are_short() {
        for (x, text) in
            [(0.0, "0"), (-0.001, "0"), (100.0, "100"), (1.005, "1"), (-2.345, "-2.35"), (0.5, "0.5")]
        {
            assert_eq!(number(x), text);
        }
    }
}
