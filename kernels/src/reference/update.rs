//! The step of any rule on a block of weights: this text is its definition.

use super::optimizer;
use super::{fma, sqrt::sqrt};
use crate::any_update::AnyUpdate;
use crate::table::{OptimizerF32, RmsPropExtraF32, RuleF32, Step, UpdateCall};
use crate::view::{MatMut, MatRef};

/// Element by element.
pub(super) fn update(call: UpdateCall<'_>) {
    let UpdateCall { rule, mut w, mut states, gradient } = call;
    for i in 0..w.rows() {
        let Some(row) = w.row_mut(i) else { continue };
        for (j, w) in row.iter_mut().enumerate() {
            // A state that the rule lacks is room that it does not look at.
            let mut unused = [0.0; 3];
            let mut unused = unused.iter_mut();
            let [x, y, z] = states.each_mut().map(|state| {
                let row = state.as_mut().and_then(|state| state.row_mut(i));
                row.and_then(|row| row.get_mut(j)).or(unused.next()).expect("room for each state")
            });
            step(rule, w, [x, y, z], gradient.at(i, j));
        }
    }
}

/// The step on one weight of a layer, `(i, j)`.
pub(super) fn element(any: &mut AnyUpdate<'_>, at: (usize, usize), w: &mut f32, g: f32) {
    let (w, g) = (core::slice::from_mut(w), [g]);
    if let (Ok(w), Ok(g)) = (MatMut::new(w, 1, 1), MatRef::new(&g, 1, 1)) {
        update(any.call(at, w, g));
    }
}

/// `g = scale (g + 2 l2 w)`, then within `-clip..=clip`; `w = w - decay w`; then the optimizer's step.
fn step(rule: &RuleF32, w: &mut f32, [x, y, z]: [&mut f32; 3], mut g: f32) {
    if rule.two_l2 != 0.0 {
        g = fma(rule.two_l2, *w, g);
    }
    if rule.scale != 1.0 {
        g *= rule.scale;
    }
    if g > rule.clip {
        g = rule.clip;
    } else if g < -rule.clip {
        g = -rule.clip;
    }
    if rule.decay != 0.0 {
        *w = fma(-rule.decay, *w, *w);
    }
    let [x, y] = [x, y].map(core::slice::from_mut);
    let step = Step { w: core::slice::from_mut(w), gradient: &[g] };
    match rule.optimizer {
        OptimizerF32::Sgd(rule) => optimizer::sgd(rule, step),
        OptimizerF32::Momentum(rule) => optimizer::momentum(rule, step, x),
        OptimizerF32::RmsProp(rule) => optimizer::rmsprop(rule, step, x),
        OptimizerF32::RmsPropExtra(rule) => match (rule.momentum > 0.0, rule.centered) {
            (true, true) => rmsprop_extra(rule, w, &mut x[0], Some(&mut y[0]), Some(z), g),
            (false, true) => rmsprop_extra(rule, w, &mut x[0], None, Some(&mut y[0]), g),
            (_, false) => rmsprop_extra(rule, w, &mut x[0], Some(&mut y[0]), None, g),
        },
        OptimizerF32::Adam(rule) => optimizer::adam(rule, step, x, y),
    }
}

/// `v = rho v + (1 - rho) g^2`; centred `a = rho a + (1 - rho) g` and `d = v - a^2`, but not below 0, else `d = v`; then
/// `m = momentum m + lr g / sqrt(d + epsilon)`, or `/ (sqrt(d) + epsilon)`, without momentum that alone; `w = w - m`.
fn rmsprop_extra(
    rule: RmsPropExtraF32,
    w: &mut f32,
    v: &mut f32,
    m: Option<&mut f32>,
    mean: Option<&mut f32>,
    g: f32,
) {
    let rmsprop = rule.rmsprop;
    *v = optimizer::without_tiny(fma(rmsprop.rho, *v, rmsprop.one_minus_rho * (g * g)));
    let mut d = *v;
    if let Some(mean) = mean {
        *mean = optimizer::without_tiny(fma(rmsprop.rho, *mean, rmsprop.one_minus_rho * g));
        d = fma(-*mean, *mean, d);
        if d < 0.0 {
            d = 0.0;
        }
    }
    let increment = rmsprop.learning_rate * g / (sqrt(d + rmsprop.epsilon_inside) + rmsprop.epsilon_outside);
    *w -= match m {
        Some(m) => {
            *m = optimizer::without_tiny(fma(rule.momentum, *m, increment));
            *m
        }
        None => increment,
    };
}
