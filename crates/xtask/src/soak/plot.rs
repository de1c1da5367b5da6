//! Memory over time as a picture.

use std::fmt::Write;

use super::sample::Sample;

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 420.0;
/// Around the axes: room for their labels, and above for the names.
const LEFT: f64 = 64.0;
const RIGHT: f64 = 16.0;
const ABOVE: f64 = 44.0;
const BELOW: f64 = 32.0;

/// Of the lines, in the order of [`Sample::COLUMNS`]. They differ in lightness too.
const COLOURS: [&str; 4] = ["#1f4e79", "#5b9bd5", "#a5a5a5", "#c55a11"];

/// Lines across, and words below.
const MARKS: u32 = 5;

/// An SVG of all the columns, in MiB from 0, over minutes.
pub(crate) fn svg(samples: &[Sample]) -> String {
    let minutes = samples.last().map_or(0.0, |sample| sample.at.as_secs_f64() / 60.0).max(f64::MIN_POSITIVE);
    let bytes = samples.iter().flat_map(|sample| Sample::COLUMNS.map(|(_, of)| of(sample))).max();
    let top = nice(mib(bytes.unwrap_or(0)));
    let x = |at: f64| LEFT + at / minutes * (WIDTH - LEFT - RIGHT);
    let y = |mib: f64| HEIGHT - BELOW - mib / top * (HEIGHT - ABOVE - BELOW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n"
    );
    for mark in 0..=MARKS {
        let share = f64::from(mark) / f64::from(MARKS);
        let (across, below) = (y(top * share), x(minutes * share));
        // Writing to a text cannot fail.
        let _ = writeln!(
            svg,
            "<path d=\"M{LEFT} {across:.1}H{}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{:.0} MiB</text>\
             <text x=\"{below:.1}\" y=\"{}\" text-anchor=\"middle\">{:.1} min</text>",
            WIDTH - RIGHT,
            LEFT - 6.0,
            across + 4.0,
            top * share,
            HEIGHT - 10.0,
            minutes * share,
        );
    }
    for (number, ((name, of), colour)) in Sample::COLUMNS.iter().zip(COLOURS).enumerate() {
        let points: Vec<String> = samples
            .iter()
            .map(|sample| format!("{:.1},{:.1}", x(sample.at.as_secs_f64() / 60.0), y(mib(of(sample)))))
            .collect();
        let at = LEFT + number as f64 * (WIDTH - LEFT - RIGHT) / Sample::COLUMNS.len() as f64;
        let _ = writeln!(
            svg,
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\" points=\"{}\"/>\
             <text x=\"{at:.1}\" y=\"24\" fill=\"{colour}\" font-size=\"10\">{name}</text>",
            points.join(" ")
        );
    }
    svg.push_str("</svg>\n");
    svg
}

fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// The least of 1, 2 and 5 times a power of ten that is not below `most`, so that marks are round.
fn nice(most: f64) -> f64 {
    let power = 10_f64.powf(most.max(1.0).log10().floor());
    [1.0, 2.0, 5.0].into_iter().map(|times| times * power).find(|top| *top >= most).unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn marks_are_round() {
        for (most, top) in [(0.0, 1.0), (1.0, 1.0), (1.5, 2.0), (43.0, 50.0), (51.0, 100.0), (120.0, 200.0)] {
            assert!((nice(most) - top).abs() < 1e-9, "{most}: {}", nice(most));
        }
    }

    #[test]
    fn a_line_runs_from_the_left_to_the_right() {
        let sample = |seconds| Sample {
            at: Duration::from_secs(seconds),
            envoy: 100 << 20,
            envoy_heap: 50 << 20,
            control_plane: 0,
            requests: 0,
        };
        let svg = svg(&[sample(0), sample(60)]);
        assert!(svg.contains("points=\"64.0,44.0 944.0,44.0\""), "{svg}");
        assert!(svg.contains("points=\"64.0,388.0 944.0,388.0\""), "{svg}");
        assert_eq!(svg.matches("<polyline").count(), Sample::COLUMNS.len());
    }
}
