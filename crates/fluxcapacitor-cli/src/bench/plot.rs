//! Curves: batch against Mpps, and the percentiles of latency.

use std::path::Path;

use anyhow::{Context, Result, anyhow};
use plotters::coord::Shift;
use plotters::prelude::*;

use super::case::{Scenario, name};
use super::row::Row;
use super::session::Verdict;
use super::spread::Spread;

/// Pixels of the whole, and of a caption's letters.
const SIZE: (u32, u32) = (1200, 900);
const LETTERS: u32 = 18;

/// Percentiles, from left to right.
const PERCENTILES: [&str; 4] = ["p50", "p90", "p99", "p99.9"];

/// Points of one contestant.
struct Curve<'r> {
    name: &'r str,
    /// The same in all charts.
    colour: RGBAColor,
    points: Vec<(f64, Spread)>,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// Draws what there is of both into an SVG file.
pub fn draw(file: &Path, rows: &[Row], verdict: &Verdict) -> Result<()> {
    draw_all(file, rows, verdict).with_context(|| format!("drawing {}", file.display()))
}

fn draw_all(file: &Path, rows: &[Row], verdict: &Verdict) -> Result<()> {
    let root = SVGBackend::new(file, SIZE).into_drawing_area();
    root.fill(&WHITE).map_err(failed)?;
    let Verdict { kernel, driver, cpu, rounds, .. } = verdict;
    let title =
        format!("{driver}, Linux {kernel}, {cpu}: medians of {rounds} rounds, and their spread");
    let below = root.titled(&title, ("sans-serif", LETTERS)).map_err(failed)?;
    let mut areas = below.split_evenly((2, 2)).into_iter();
    for scenario in [Scenario::Rxdrop, Scenario::Txonly, Scenario::L2fwd] {
        let Some(area) = areas.next() else { break };
        let curves = by_batch(rows, scenario);
        if !curves.is_empty() {
            draw_batches(&area, &name(&scenario), &curves).map_err(failed)?;
        }
    }
    let curves = by_percentile(rows);
    if let Some(area) = areas.next().filter(|_| !curves.is_empty()) {
        draw_percentiles(&area, &curves).map_err(failed)?;
    }
    root.present().map_err(failed)
}

/// The rows that differ from the scenario's first in nothing but the batch.
fn by_batch(rows: &[Row], scenario: Scenario) -> Vec<Curve<'_>> {
    let of_scenario = rows.iter().filter(|row| row.case.scenario == scenario);
    let Some(base) = of_scenario.clone().next().map(|row| row.case) else { return Vec::new() };
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for row in of_scenario.filter(|row| row.case.is_but_for_batch(&base)) {
        let Some(mpps) = row.mpps else { continue };
        let at = curves.iter().position(|curve| curve.name == row.contestant);
        let at = at.unwrap_or_else(|| {
            let colour = colour(rows, &row.contestant);
            curves.push(Curve { name: &row.contestant, colour, points: Vec::new() });
            curves.len() - 1
        });
        curves[at].points.push((row.batch.into(), mpps));
    }
    for curve in &mut curves {
        curve.points.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    }
    curves
}

/// The first case of the latency's.
fn by_percentile(rows: &[Row]) -> Vec<Curve<'_>> {
    let Some(base) = rows.iter().find(|row| row.latency_us.is_some()).map(|row| row.case) else {
        return Vec::new();
    };
    let points = |row: &Row| {
        let latency = row.latency_us?;
        let spreads = [latency.p50, latency.p90, latency.p99, latency.p99_9];
        Some((0..).map(f64::from).zip(spreads).collect())
    };
    let of_base = rows.iter().filter(|row| row.case == base);
    let curves = of_base.filter_map(|row| {
        let colour = colour(rows, &row.contestant);
        Some(Curve { name: &row.contestant, colour, points: points(row)? })
    });
    curves.collect()
}

fn draw_batches(
    area: &Area<'_>,
    scenario: &str,
    curves: &[Curve<'_>],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let highest = highest(curves);
    let batches = || curves.iter().flat_map(|curve| &curve.points).map(|(batch, _)| *batch);
    let (first, last) = (batches().fold(f64::MAX, f64::min), batches().fold(1.0, f64::max));
    let mut chart = ChartBuilder::on(area)
        .caption(format!("{scenario}: Mpps by batch"), ("sans-serif", LETTERS))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(
            (first..last.max(first + 1.0)).log_scale().base(2.0),
            0.0..highest * 1.1,
        )?;
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_label_formatter(&|batch| format!("{batch:.0}"))
        .draw()?;
    for curve in curves {
        let colour = curve.colour;
        let line = curve.points.iter().map(|(batch, mpps)| (*batch, mpps.median));
        chart
            .draw_series(LineSeries::new(line, &colour))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        chart.draw_series(curve.points.iter().map(|(batch, mpps)| {
            PathElement::new([(*batch, mpps.min), (*batch, mpps.max)], colour)
        }))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerRight)
        .border_style(BLACK)
        .draw()
}

fn draw_percentiles(
    area: &Area<'_>,
    curves: &[Curve<'_>],
) -> Result<(), DrawingAreaErrorKind<std::io::Error>> {
    let lowest = curves.iter().flat_map(|curve| &curve.points).map(|(_, time)| time.min);
    let lowest = lowest.fold(f64::MAX, f64::min).max(0.001);
    let right = (PERCENTILES.len() - 1) as f64;
    let mut chart = ChartBuilder::on(area)
        .caption("ping-pong: microseconds by percentile", ("sans-serif", LETTERS))
        .margin(12)
        .margin_right(30)
        .x_label_area_size(30)
        .y_label_area_size(50)
        .build_cartesian_2d(0.0..right, (lowest * 0.8..highest(curves) * 1.2).log_scale())?;
    let label = |at: &f64| {
        PERCENTILES.get(at.round() as usize).map_or_else(String::new, ToString::to_string)
    };
    chart
        .configure_mesh()
        .max_light_lines(0)
        .x_labels(PERCENTILES.len())
        .x_label_formatter(&label)
        .draw()?;
    for curve in curves {
        let colour = curve.colour;
        let line = curve.points.iter().map(|(at, time)| (*at, time.median));
        chart
            .draw_series(LineSeries::new(line, &colour))?
            .label(curve.name)
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 16, y)], colour));
        chart.draw_series(
            curve
                .points
                .iter()
                .map(|(at, time)| PathElement::new([(*at, time.min), (*at, time.max)], colour)),
        )?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .border_style(BLACK)
        .draw()
}

/// By the order in which contestants first appear.
fn colour(rows: &[Row], contestant: &str) -> RGBAColor {
    let mut names: Vec<&str> = Vec::new();
    for row in rows {
        if !names.contains(&&*row.contestant) {
            names.push(&row.contestant);
        }
    }
    Palette99::pick(names.iter().position(|name| *name == contestant).unwrap_or(0)).to_rgba()
}

fn highest(curves: &[Curve<'_>]) -> f64 {
    let all = curves.iter().flat_map(|curve| &curve.points);
    all.map(|(_, spread)| spread.max).fold(0.001, f64::max)
}

fn failed(error: DrawingAreaErrorKind<std::io::Error>) -> anyhow::Error {
    anyhow!(error.to_string())
}
