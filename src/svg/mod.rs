//! Charts as SVG, for a page or for themselves.
//!
//! ```text
//! chart.rs  lines over epochs, with axes (ticks.rs), legend, gaps, and a mark -> markup.rs
//! ```
//!
//! Colours and letters stand at every element, so that a chart is whole by itself; the classes beside them let the style
//! sheet of a page give it others.

mod chart;
pub mod ticks;

pub use chart::{Chart, HEIGHT, Ink, Series, WIDTH};
