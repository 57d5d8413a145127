//! Made videos with known truth: people who walk across, hide each other, and are missed or seen where nobody is.

use ghostdet::detection::Detection;
use ghostdet::tracking::mot::Entry;

/// What is filmed, and how badly.
#[derive(Clone, Copy)]
pub struct Scene {
    /// Seconds.
    pub length: f64,
    pub fps: f64,
    /// Part of the frames that are missing.
    pub dropped: f64,
    pub people: usize,
    /// Standard deviation of a box's edges, as part of its size.
    pub noise: f32,
    /// How often a person in full view is missed.
    pub missed: f64,
    /// Boxes where nobody is, a second.
    pub false_alarms: f64,
    /// How far the camera moves, in pixels, about twice a second.
    pub shake: f32,
    pub seed: u64,
}

impl Default for Scene {
    fn default() -> Self {
        Self {
            length: 20.0,
            fps: 30.0,
            dropped: 0.0,
            people: 8,
            noise: 0.02,
            missed: 0.1,
            false_alarms: 3.0,
            shake: 0.0,
            seed: 1,
        }
    }
}

/// The made videos of docs/tracking.md, with their names.
pub fn scenes() -> [(&'static str, Scene); 9] {
    let usual = Scene::default();
    [
        (
            "perfect detections, but people hide each other",
            Scene { noise: 0.0, missed: 0.0, false_alarms: 0.0, ..usual },
        ),
        ("30 frames a second", usual),
        ("60 frames a second", Scene { fps: 60.0, ..usual }),
        ("15 frames a second", Scene { fps: 15.0, ..usual }),
        ("10 frames a second", Scene { fps: 10.0, ..usual }),
        ("30, a third of the frames missing", Scene { dropped: 0.33, ..usual }),
        ("30, the camera shakes by 10 pixels", Scene { shake: 10.0, ..usual }),
        ("30, three in ten people missed", Scene { missed: 0.3, ..usual }),
        ("30, 16 people", Scene { people: 16, ..usual }),
    ]
}

/// One frame with its truth.
pub struct Frame {
    pub number: u64,
    pub time: f64,
    /// Of everybody of whom a quarter can be seen.
    pub truth: Vec<Entry>,
    pub detections: Vec<Detection>,
}

pub const WIDTH: f32 = 1280.0;
pub const HEIGHT: f32 = 720.0;

/// Somebody who walks to and fro along a line. A larger person is nearer, and hides those behind.
struct Walker {
    height: f32,
    y: f32,
    start: f32,
    speed: f32,
    /// How far and how often the way swings up and down.
    swing: (f32, f32),
}

impl Walker {
    fn new(random: &mut fastrand::Rng) -> Self {
        let height = 90.0 + 160.0 * random.f32();
        Self {
            height,
            // Whoever is nearer stands lower in the picture.
            y: 250.0 + height + 20.0 * random.f32(),
            start: random.f32() * 2.0 * (WIDTH - 100.0),
            // A fifth to four fifths of the height a second: walking is about 0.8.
            speed: height * (0.2 + 0.6 * random.f32()) * if random.bool() { 1.0 } else { -1.0 },
            swing: (8.0 * random.f32(), 0.2 + random.f32()),
        }
    }

    fn bounds(&self, time: f32) -> [f32; 4] {
        let span = WIDTH - 100.0;
        let way = (self.start + self.speed * time).rem_euclid(2.0 * span);
        let x = 50.0 + if way < span { way } else { 2.0 * span - way };
        let y = self.y + self.swing.0 * (time * self.swing.1 * 6.0).sin();
        let half = self.height * 0.2;
        [x - half, y - self.height, x + half, y]
    }
}

impl Scene {
    /// The frames in order.
    pub fn frames(&self) -> Vec<Frame> {
        let mut random = fastrand::Rng::with_seed(self.seed);
        let mut walkers: Vec<Walker> = (0..self.people).map(|_| Walker::new(&mut random)).collect();
        walkers.sort_by(|a, b| b.height.total_cmp(&a.height));
        let count = (self.length * self.fps) as u64;
        let frame = |number: u64| {
            // The same people and the same camera at every rate.
            let time = number as f64 / self.fps;
            let dropped = number > 0 && random.f64() < self.dropped;
            let made = self.frame(number + 1, time, &walkers, &mut random);
            (!dropped).then_some(made)
        };
        (0..count).filter_map(frame).collect()
    }

    fn frame(&self, number: u64, time: f64, walkers: &[Walker], random: &mut fastrand::Rng) -> Frame {
        let (mut truth, mut detections) = (Vec::new(), Vec::new());
        let t = time as f32;
        let shake =
            [(t * 13.0).sin() + (t * 7.3).cos(), (t * 11.0).cos() + (t * 5.1).sin()].map(|v| v * self.shake / 2.0);
        let moved = |[x1, y1, x2, y2]: [f32; 4]| [x1 + shake[0], y1 + shake[1], x2 + shake[0], y2 + shake[1]];
        for (i, walker) in walkers.iter().enumerate() {
            let bounds = moved(walker.bounds(t));
            let nearer = walkers[..i].iter().map(|other| moved(other.bounds(t)));
            let visible = 1.0 - nearer.map(|other| covered(&bounds, &other)).fold(0.0, f32::max);
            if visible >= 0.25 {
                truth.push(Entry { frame: number, track: Some(i as u64 + 1), bounds, score: 1.0 });
            }
            // Who is half hidden is found less often, and with a lower score.
            if f64::from(visible) * (1.0 - self.missed) > random.f64() {
                let size = [bounds[2] - bounds[0], bounds[3] - bounds[1]];
                let bounds: [f32; 4] = std::array::from_fn(|k| bounds[k] + self.noise * size[k % 2] * normal(random));
                let score = (0.75 * visible + 0.1 * normal(random)).clamp(0.05, 0.98);
                detections.push(Detection { bounds, score, class: 0 });
            }
        }
        if random.f64() < self.false_alarms / self.fps {
            let (x, y, height) = (random.f32() * WIDTH, random.f32() * HEIGHT, 60.0 + random.f32() * 150.0);
            let bounds = [x, y, x + 0.4 * height, y + height];
            detections.push(Detection { bounds, score: 0.1 + 0.4 * random.f32(), class: 0 });
        }
        detections.sort_by(|a, b| b.score.total_cmp(&a.score));
        Frame { number, time, truth, detections }
    }
}

/// The part of `bounds` that `by` covers.
fn covered(bounds: &[f32; 4], by: &[f32; 4]) -> f32 {
    let width = (bounds[2].min(by[2]) - bounds[0].max(by[0])).max(0.0);
    let height = (bounds[3].min(by[3]) - bounds[1].max(by[1])).max(0.0);
    width * height / ((bounds[2] - bounds[0]) * (bounds[3] - bounds[1]))
}

/// A number of the standard normal distribution (nearly: the sum of twelve).
fn normal(random: &mut fastrand::Rng) -> f32 {
    (0..12).map(|_| random.f32()).sum::<f32>() - 6.0
}
