//! The balancer's table: its shares are even, and a change moves what it must.

use std::net::Ipv4Addr;

use crate::table::{Maglev, SLOTS};

fn targets(count: u32) -> Vec<Ipv4Addr> {
    (0..count).map(|number| Ipv4Addr::from_bits(0x0a09_0003 + number)).collect()
}

fn table(count: u32, down: &[usize]) -> Vec<Option<usize>> {
    let mut table = Maglev::new(targets(count));
    table.set_up(|at| !down.contains(&at));
    slots(&table)
}

fn slots(table: &Maglev) -> Vec<Option<usize>> {
    (0..SLOTS as u64).map(|hash| table.pick(hash)).collect()
}

fn shares(slots: &[Option<usize>], count: u32) -> Vec<usize> {
    let share = |at| slots.iter().filter(|slot| **slot == Some(at)).count();
    (0..count as usize).map(share).collect()
}

#[test]
fn the_size_is_a_prime() {
    assert!(
        (2..SLOTS).take_while(|factor| factor * factor <= SLOTS).all(|f| !SLOTS.is_multiple_of(f))
    );
}

#[test]
fn shares_are_even_to_one_slot() {
    for count in [1, 2, 3, 7, 10, 100] {
        let shares = shares(&table(count, &[]), count);
        assert_eq!(shares.iter().sum::<usize>(), SLOTS, "{count}: a slot is empty");
        let (least, most) = (shares.iter().min().unwrap(), shares.iter().max().unwrap());
        assert!(most - least <= 1, "{count} targets: {least} to {most}");
    }
}

#[test]
fn who_goes_moves_its_own_flows_alone_evenly_and_has_them_back() {
    for count in [2, 3, 10] {
        let mut table = Maglev::new(targets(count));
        assert!(slots(&table).iter().all(Option::is_none), "nobody is up");
        table.set_up(|_| true);
        let before = slots(&table);
        for gone in 0..count as usize {
            table.set_up(|at| at != gone);
            let after = slots(&table);
            for (before, after) in before.iter().zip(&after) {
                assert!(after.is_some_and(|at| at != gone));
                assert!(before == after || *before == Some(gone), "{before:?} to {after:?}");
            }
            let even = SLOTS / (count as usize - 1);
            for (at, share) in shares(&after, count).into_iter().enumerate() {
                let differs = share.abs_diff(even);
                assert!(at == gone || differs * 20 <= even, "{share} of {SLOTS}, not {even}");
            }
            table.set_up(|_| true);
            assert_eq!(slots(&table), before, "it has its flows back");
        }
    }
    assert!(table(2, &[0, 1]).iter().all(Option::is_none), "nobody is up");
    assert!(table(2, &[0]).iter().all(|slot| *slot == Some(1)));
}

#[test]
fn who_comes_takes_its_share_and_hardly_more_is_moved() {
    for count in [2, 5, 20] {
        let (before, after) = (table(count, &[]), table(count + 1, &[]));
        let moved = before.iter().zip(&after).filter(|(before, after)| before != after);
        let newcomer = Some(count as usize);
        let (to, among): (Vec<_>, Vec<_>) = moved.partition(|(_, after)| **after == newcomer);
        let share = SLOTS / (count as usize + 1);
        assert!(to.len().abs_diff(share) <= 1, "{} of {share}", to.len());
        // What the newcomer pushes aside pushes others: some, at this size of the table.
        assert!(among.len() * 20 <= SLOTS, "{count}: {} of {SLOTS} among the others", among.len());
    }
}
