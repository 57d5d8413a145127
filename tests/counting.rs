//! Counts at lines and in zones.

use ghostdet::detection::Detection;
use ghostdet::tracking::{Anchor, Border, Count, Counter, TrackOptions, Tracker};

/// A tracker and a counter that see the same frames.
struct Street {
    tracker: Tracker,
    counter: Counter,
    frame: u32,
}

impl Street {
    fn new(borders: Vec<Border>) -> Self {
        let tracker = Tracker::new(TrackOptions::default()).unwrap();
        Self { tracker, counter: Counter::new(borders).unwrap(), frame: 0 }
    }

    /// The centres of boxes of 40 x 100 in the next frame, by class.
    fn see(&mut self, centres: &[(usize, [f32; 2])]) {
        let one = |&(class, [x, y]): &(usize, [f32; 2])| Detection {
            bounds: [x - 20.0, y - 50.0, x + 20.0, y + 50.0],
            score: 0.9,
            class,
        };
        self.tracker.update(f64::from(self.frame) / 30.0, &centres.iter().map(one).collect::<Vec<_>>());
        self.counter.update(self.tracker.tracks());
        self.frame += 1;
    }

    fn walk(&mut self, class: usize, from: [f32; 2], to: [f32; 2]) {
        for step in 0..=40 {
            let part = step as f32 / 40.0;
            self.see(&[(class, [from[0] + part * (to[0] - from[0]), from[1] + part * (to[1] - from[1])])]);
        }
        // Gone, for longer than tracks are remembered.
        (0..40).for_each(|_| self.see(&[]));
    }

    fn total(&self, border: usize) -> (u64, u64, u64) {
        let Count { entered, left, inside } = self.counter.counts()[border].total();
        (entered, left, inside)
    }
}

fn square(name: &str) -> Border {
    Border::zone(name, vec![[200.0, 0.0], [400.0, 0.0], [400.0, 400.0], [200.0, 400.0]])
}

#[test]
fn a_line_is_crossed_inwards_from_left_to_right_of_who_looks_along_it() {
    // Drawn from left to right: down is in.
    let mut street = Street::new(vec![Border::line("street", [0.0, 200.0], [400.0, 200.0])]);
    street.walk(0, [100.0, 100.0], [100.0, 300.0]);
    street.walk(2, [200.0, 100.0], [260.0, 300.0]);
    street.walk(0, [300.0, 300.0], [300.0, 100.0]);
    assert_eq!(street.total(0), (2, 1, 0));
    let classes = street.counter.counts()[0].classes();
    assert_eq!(classes[0].1, Count { entered: 1, left: 1, inside: 0 });
    assert_eq!(classes[1].1, Count { entered: 1, left: 0, inside: 0 });
    // Past its end, and along it.
    street.walk(0, [500.0, 100.0], [500.0, 300.0]);
    street.walk(0, [50.0, 150.0], [350.0, 150.0]);
    assert_eq!(street.total(0), (2, 1, 0));
}

#[test]
fn who_trembles_on_a_line_is_counted_once() {
    let mut street = Street::new(vec![Border::line("street", [0.0, 200.0], [400.0, 200.0])]);
    let mut random = fastrand::Rng::with_seed(8);
    let mut tremble = || 6.0 * random.f32() - 3.0;
    (0..300).for_each(|_| street.see(&[(0, [100.0 + tremble(), 200.0 + tremble()])]));
    assert_eq!(street.total(0), (0, 0, 0));
    // Slowly across, trembling.
    for step in 0..300 {
        street.see(&[(0, [100.0, 170.0 + 0.2 * step as f32 + tremble()])]);
    }
    assert_eq!(street.total(0), (1, 0, 0));
}

#[test]
fn a_crossing_behind_something_counts() {
    let mut street = Street::new(vec![Border::line("street", [0.0, 200.0], [400.0, 200.0])]);
    for step in 0..40 {
        let hidden = (15..25).contains(&step);
        let place = [(0, [100.0, 140.0 + 3.0 * step as f32])];
        street.see(if hidden { &[] } else { &place });
    }
    assert_eq!(street.total(0), (1, 0, 0));
}

#[test]
fn a_zone_knows_who_is_inside() {
    let mut street = Street::new(vec![square("square")]);
    // From the start inside: did not come in.
    (0..10).for_each(|_| street.see(&[(0, [300.0, 200.0])]));
    assert_eq!(street.total(0), (0, 0, 1));
    // Hidden for a moment.
    street.see(&[]);
    assert_eq!(street.total(0), (0, 0, 1));
    (0..70).for_each(|_| street.see(&[]));
    assert_eq!(street.total(0), (0, 0, 0));
    // Through it, then in and back.
    street.walk(0, [100.0, 200.0], [500.0, 200.0]);
    assert_eq!(street.total(0), (1, 1, 0));
    for step in (0..30).chain((0..30).rev()) {
        street.see(&[(3, [150.0 + 4.0 * step as f32, 100.0])]);
    }
    assert_eq!(street.total(0), (2, 2, 0));
    assert_eq!(street.counter.counts()[0].classes()[1].1, Count { entered: 1, left: 1, inside: 0 });
}

#[test]
fn zones_need_not_be_convex() {
    // A U: the gap between its arms is outside.
    let corners = [[0, 0], [100, 0], [100, 200], [200, 200], [200, 0], [300, 0], [300, 300], [0, 300]];
    let mut street = Street::new(vec![Border::zone("u", corners.map(|c| c.map(|v| v as f32)).to_vec())]);
    street.see(&[(0, [150.0, 100.0]), (0, [50.0, 100.0]), (0, [250.0, 100.0])]);
    assert_eq!(street.total(0), (0, 0, 2));
}

#[test]
fn the_anchor_decides() {
    let line = Border::line("centre", [0.0, 200.0], [400.0, 200.0]);
    let feet = Border { name: "feet".into(), anchor: Anchor::Bottom, ..line.clone() };
    let mut street = Street::new(vec![line, feet]);
    // Centres from 100 to 180: the feet go from 150 to 230.
    street.walk(0, [100.0, 100.0], [100.0, 180.0]);
    assert_eq!((street.total(0), street.total(1)), ((0, 0, 0), (1, 0, 0)));
}

#[test]
fn a_line_can_be_dragged_and_keeps_its_counts() {
    let line = |y| Border::line("street", [0.0, y], [400.0, y]);
    let mut street = Street::new(vec![line(200.0)]);
    street.walk(0, [100.0, 100.0], [100.0, 300.0]);
    // Dragged over somebody who stands: no crossing.
    (0..5).for_each(|_| street.see(&[(0, [100.0, 300.0])]));
    for y in [250.0, 300.0, 350.0, 400.0] {
        street.counter.set_borders(vec![line(y)]).unwrap();
        street.see(&[(0, [100.0, 300.0])]);
    }
    assert_eq!(street.total(0), (1, 0, 0));
    // From where it is now, it is crossed as before.
    for step in 0..40 {
        street.see(&[(0, [100.0, 300.0 + 4.0 * step as f32])]);
    }
    assert_eq!(street.total(0), (2, 0, 0));
    street.counter.set_borders(vec![square("square")]).unwrap();
    assert_eq!(street.counter.counts().len(), 1);
    assert_eq!(street.total(0), (0, 0, 0));
}

#[test]
fn borders_that_cannot_be_crossed_are_refused() {
    let nan = f32::NAN;
    let odd = [
        (vec![Border::line("a", [1.0, 1.0], [1.0, 1.0])], "two different points"),
        (vec![Border::line("a", [nan, 1.0], [1.0, 1.0])], "pixels"),
        (vec![Border::zone("a", vec![])], "three corners"),
        (vec![Border::zone("a", vec![[0.0, 0.0], [5.0, 5.0], [9.0, 9.0]])], "three corners"),
        (vec![Border::zone("a", vec![[0.0, 0.0]; 9])], "three corners"),
        (vec![Border::zone("a", vec![[0.0, 0.0]; 1001])], "simpler"),
        (vec![square("a"), Border::line("a", [0.0, 0.0], [1.0, 1.0])], "name of its own"),
        ((0..101).map(|i| square(&i.to_string())).collect(), "fewer"),
    ];
    for (borders, part) in odd {
        let error = Counter::new(borders).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}
