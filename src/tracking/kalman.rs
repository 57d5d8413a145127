//! The filter that predicts where a box will be: constant velocity of centre, aspect ratio and height.
//!
//! Motion, noise and measurement treat the four values alone, and a filter starts without any correlation between them. So
//! the eight-dimensional filter of SORT and ByteTrack falls apart into four of two dimensions (value and velocity), with the
//! same result.

/// Standard deviations of positions and velocities, as parts of the box's height; a velocity is per step.
const POSITION: f64 = 1.0 / 20.0;
const VELOCITY: f64 = 1.0 / 160.0;

/// Standard deviations of the aspect ratio: per step, of its velocity, of a measurement.
const ASPECT: f64 = 1e-2;
const ASPECT_VELOCITY: f64 = 1e-5;
const ASPECT_MEASURED: f64 = 1e-1;

/// How much less is known about a box that was seen once.
const FIRST_POSITION: f64 = 2.0;
const FIRST_VELOCITY: f64 = 10.0;

/// One value and its velocity, with their covariance.
#[derive(Clone, Copy, Debug)]
struct Axis {
    value: f64,
    velocity: f64,
    /// Variance of the value, covariance, variance of the velocity.
    variance: [f64; 3],
}

impl Axis {
    fn new(value: f64, deviation: f64, velocity_deviation: f64) -> Self {
        Self { value, velocity: 0.0, variance: [deviation.powi(2), 0.0, velocity_deviation.powi(2)] }
    }

    fn predict(&mut self, steps: f64, deviation: f64, velocity_deviation: f64) {
        let [value, both, velocity] = self.variance;
        self.value += steps * self.velocity;
        self.variance = [
            value + steps * (2.0 * both + steps * velocity + deviation.powi(2)),
            both + steps * velocity,
            velocity + steps * velocity_deviation.powi(2),
        ];
    }

    fn update(&mut self, measured: f64, deviation: f64) {
        let [value, both, velocity] = self.variance;
        let total = value + deviation.powi(2);
        let (gain, velocity_gain) = (value / total, both / total);
        let error = measured - self.value;
        self.value += gain * error;
        self.velocity += velocity_gain * error;
        self.variance = [value * (1.0 - gain), both * (1.0 - gain), velocity - velocity_gain * both];
    }
}

/// The motion of one box. Times are in steps: the thirtieth of a second, to which the noise belongs.
#[derive(Clone, Debug)]
pub struct Motion {
    /// x and y of the centre, width over height, height.
    axes: [Axis; 4],
}

impl Motion {
    /// A box `[x1, y1, x2, y2]` of positive size that is seen for the first time.
    pub fn new(bounds: &[f64; 4]) -> Self {
        let values = split(bounds);
        let position = FIRST_POSITION * POSITION * values[3];
        let velocity = FIRST_VELOCITY * VELOCITY * values[3];
        let [x, y, aspect, height] = values;
        let aspect = Axis::new(aspect, ASPECT, ASPECT_VELOCITY);
        let [x, y, height] = [x, y, height].map(|value| Axis::new(value, position, velocity));
        Self { axes: [x, y, aspect, height] }
    }

    /// Moves the box on by a time. A box that was not seen in the last frame keeps its height.
    pub fn predict(&mut self, steps: f64, seen: bool) {
        if !seen {
            self.axes[3].velocity = 0.0;
        }
        let height = self.axes[3].value;
        for (i, axis) in self.axes.iter_mut().enumerate() {
            match i {
                2 => axis.predict(steps, ASPECT, ASPECT_VELOCITY),
                _ => axis.predict(steps, POSITION * height, VELOCITY * height),
            }
        }
    }

    /// Takes in where the box, of positive size, was seen.
    pub fn update(&mut self, bounds: &[f64; 4]) {
        let values = split(bounds);
        for (i, (axis, value)) in self.axes.iter_mut().zip(values).enumerate() {
            axis.update(value, if i == 2 { ASPECT_MEASURED } else { POSITION * values[3] });
        }
    }

    /// `[x1, y1, x2, y2]`.
    pub fn bounds(&self) -> [f64; 4] {
        let [x, y, aspect, height] = self.axes.map(|axis| axis.value);
        let (w, h) = (aspect * height / 2.0, height / 2.0);
        [x - w, y - h, x + w, y + h]
    }
}

/// Centre, aspect ratio and height.
fn split([x1, y1, x2, y2]: &[f64; 4]) -> [f64; 4] {
    [(x1 + x2) / 2.0, (y1 + y2) / 2.0, (x2 - x1) / (y2 - y1), y2 - y1]
}
