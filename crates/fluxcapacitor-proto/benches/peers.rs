//! How long the contestants take, by `criterion`.
//!
//!     cargo bench -p fluxcapacitor-proto --bench peers
//!
//! The bench `turns` tells more of rows that are close; how many instructions they take, which no noise of a machine
//! changes, counts the bench `instructions`.

mod contestants;

use contestants::Judge;
use criterion::{Criterion, criterion_group, criterion_main};

struct Clock<'a>(&'a mut Criterion);

impl Judge for Clock<'_> {
    fn row<T>(&mut self, row: &str, contestant: &str, mut body: impl FnMut() -> T) {
        self.0.benchmark_group(row).bench_function(contestant, |b| b.iter(&mut body));
    }
}

fn peers(c: &mut Criterion) {
    contestants::all(&mut Clock(c));
}

criterion_group!(benches, peers);
criterion_main!(benches);
