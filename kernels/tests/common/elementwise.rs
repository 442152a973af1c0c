//! The kernels that work on slices element by element.

use mnist_fast_kernels::{
    Adam, AdamW, Dropout, Epsilon, Kernels, MatMut, MatRef, Momentum, Optimizer, RmsProp, RmsPropMomentum,
    Rule, Sgd,
};

/// A kernel on slices of one length: three that it may write, two that it reads, bytes that it reads.
pub(crate) type Elementwise = fn(Kernels, [&mut [f32]; 3], [&[f32]; 2], &[u8]);

pub(crate) const KERNELS: [(&str, Elementwise); 23] = [
    ("relu", |k, [x, ..], _, _| k.relu(x)),
    ("leaky relu", |k, [x, ..], _, _| k.leaky_relu(0.3, x)),
    ("sigmoid", |k, [x, ..], _, _| k.sigmoid(x)),
    ("tanh", |k, [x, ..], _, _| k.tanh(x)),
    ("exp", |k, [x, ..], _, _| k.exp(x)),
    ("ln", |k, [x, ..], _, _| k.ln(x)),
    ("relu gradient", |k, [x, ..], [h, _], _| k.relu_gradient(h, x).unwrap()),
    ("leaky relu gradient", |k, [x, ..], [h, _], _| k.leaky_relu_gradient(0.3, h, x).unwrap()),
    ("sigmoid gradient", |k, [x, ..], [h, _], _| k.sigmoid_gradient(h, x).unwrap()),
    ("tanh gradient", |k, [x, ..], [h, _], _| k.tanh_gradient(h, x).unwrap()),
    ("dropout", |k, [x, ..], _, _| k.dropout(&Dropout::new(0.5, 1).unwrap(), [1, 2, 3], x)),
    ("unit from u8", |k, [x, ..], _, bytes| k.unit_from_u8(bytes, x).unwrap()),
    ("scale u8", |k, [x, ..], _, bytes| k.scale_u8(bytes, 0.013, -0.4, x).unwrap()),
    ("binary cross-entropy", |k, [losses, ..], [z, t], _| {
        k.binary_cross_entropy(z, t, 7, None, losses).unwrap();
    }),
    ("binary cross-entropy with gradient", |k, [losses, gradient, _], [z, t], _| {
        k.binary_cross_entropy(z, t, 7, Some(gradient), losses).unwrap();
    }),
    ("sgd", |k, [w, ..], [g, _], _| k.sgd(&Sgd::default(), w, g).unwrap()),
    ("rmsprop", |k, [w, v, _], [g, _], _| k.rmsprop(&RmsProp::default(), w, v, g).unwrap()),
    ("rmsprop, epsilon outside", |k, [w, v, _], [g, _], _| {
        let rule = RmsProp { epsilon_at: Epsilon::OutsideRoot, ..RmsProp::default() };
        k.rmsprop(&rule, w, v, g).unwrap();
    }),
    ("momentum", |k, [w, m, _], [g, _], _| k.momentum(&Momentum::default(), w, m, g).unwrap()),
    ("nesterov", |k, [w, m, _], [g, _], _| {
        k.momentum(&Momentum { nesterov: true, ..Momentum::default() }, w, m, g).unwrap();
    }),
    ("adam", |k, [w, m, v], [g, _], _| k.adam(&Adam::default(), 2, w, m, v, g).unwrap()),
    ("a rule of two states", |k, [w, v, m], [g, _], _| {
        let moved = RmsPropMomentum { rmsprop: RmsProp::default(), momentum: 0.5, centered: false };
        let rule = Rule { l2: 0.1, clip_value: 0.5, ..Rule::new(Optimizer::RmsPropMomentum(moved)) };
        let [w, v, m] = [w, v, m].map(|x| MatMut::new(x, 1, g.len()).unwrap());
        k.update(&rule, w, &mut [v, m], MatRef::new(g, 1, g.len()).unwrap()).unwrap();
    }),
    ("adamw", |k, [w, m, v], [g, _], _| k.adamw(&AdamW::default(), 2, w, m, v, g).unwrap()),
];
