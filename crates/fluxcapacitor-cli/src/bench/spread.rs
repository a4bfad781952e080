//! How far apart repetitions are.

use serde::Serialize;

/// The middle one of some figures, and the outermost.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    pub median: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// None of none.
    pub fn of(mut figures: Vec<f64>) -> Option<Self> {
        figures.sort_by(f64::total_cmp);
        let (min, max) = (*figures.first()?, *figures.last()?);
        let middle = figures.len() / 2;
        // Of an even number, the mean of the two in the middle.
        let median = (figures[(figures.len() - 1) / 2] + figures[middle]) / 2.0;
        Some(Self { median, min, max })
    }

    /// How far apart the outermost are, as a share of the median.
    pub fn width(&self) -> f64 {
        if self.median > 0.0 { (self.max - self.min) / self.median } else { 0.0 }
    }

    /// Whether every one of these is on the same side of every one of those.
    pub fn is_apart_from(&self, other: &Self) -> bool {
        self.min > other.max || self.max < other.min
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle_whatever_the_order() {
        assert_eq!(Spread::of(vec![]), None);
        let three = Spread::of(vec![3.0, 1.0, 2.0]).unwrap();
        assert_eq!(three, Spread { median: 2.0, min: 1.0, max: 3.0 });
        assert_eq!(three.width(), 1.0);
        assert_eq!(Spread::of(vec![4.0, 1.0, 3.0, 2.0]).unwrap().median, 2.5);
        assert_eq!(Spread::of(vec![0.0]).unwrap().width(), 0.0);
    }

    #[test]
    fn they_are_apart_when_they_do_not_overlap() {
        let of = |min, max| Spread { median: min, min, max };
        assert!(of(1.0, 2.0).is_apart_from(&of(2.1, 3.0)));
        assert!(of(2.1, 3.0).is_apart_from(&of(1.0, 2.0)));
        assert!(!of(1.0, 2.0).is_apart_from(&of(2.0, 3.0)));
    }
}
