//! A measured series, drawn as a line. Numbers in, SVG out.

use super::page::Page;
use crate::core::model::outcome::Series;
use crate::core::model::units::{Number, TimeSpan};

/// Measures of the picture, in its own units.
const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 110.0;
const LEFT: f64 = 70.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 20.0;

/// Draws a series under a title.
pub fn draw(page: &mut Page, title: &str, series: &Series) {
    let points = &series.points;
    let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
    let low = points.iter().map(|(_, value)| *value).fold(f64::INFINITY, f64::min);
    let high = points.iter().map(|(_, value)| *value).fold(f64::NEG_INFINITY, f64::max);
    let (length, range) = ((last.0 - first.0).max(1e-9), high - low);
    let x = |time: f64| LEFT + (time - first.0) / length * (WIDTH - LEFT - 10.0);
    let middle = f64::midpoint(TOP, HEIGHT - BOTTOM);
    // a line that never moves is drawn in the middle
    let y = |value: f64| {
        if range > 0.0 { HEIGHT - BOTTOM - (value - low) / range * (HEIGHT - BOTTOM - TOP) } else { middle }
    };
    page.open("p", "why");
    page.text(title);
    page.close("p");
    page.markup(&format!("<svg class=\"series\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\">"));
    for value in if range > 0.0 { vec![low, high] } else { vec![low] } {
        let at = y(value);
        page.markup(&format!("<line class=\"grid\" x1=\"{LEFT}\" y1=\"{at:.1}\" x2=\"{WIDTH}\" y2=\"{at:.1}\"/>"));
        page.markup(&format!("<text class=\"axis\" x=\"0\" y=\"{:.1}\">", at + 4.0));
        page.text(&Number(value).to_string());
        page.markup("</text>");
    }
    let line: Vec<String> = points.iter().map(|(time, value)| format!("{:.1},{:.1}", x(*time), y(*value))).collect();
    page.markup(&format!("<polyline class=\"line\" points=\"{}\"/>", line.join(" ")));
    if let [(time, value)] = points.as_slice() {
        page.markup(&format!("<circle class=\"passed\" cx=\"{:.1}\" cy=\"{:.1}\" r=\"3\"/>", x(*time), y(*value)));
    }
    page.markup(&format!("<text class=\"axis\" x=\"{LEFT}\" y=\"{:.1}\">", HEIGHT - 5.0));
    let time = std::time::Duration::try_from_secs_f64(last.0 - first.0).unwrap_or_default();
    page.text(&format!("{} points over {}", points.len(), TimeSpan(time)));
    page.markup("</text></svg>");
}
