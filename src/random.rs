//! Randomness as a function of position: the same seed and position give the same numbers, whatever was
//! drawn before.
//!
//! `rand` supplies the raw integers of a named generator, xoshiro256++; everything from there to a shuffle or a float
//! is written here, so that no release of `rand` can move it. The first values are pinned in a test.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

/// What the numbers are for; each has its own stream.
#[derive(Clone, Copy)]
enum Stream {
    Init = 1,
    Shuffle = 2,
    Dropout = 3,
    Augment = 4,
}

/// The generator at a position.
fn generator(seed: u64, stream: Stream, index: u64) -> Xoshiro256PlusPlus {
    let mut state = [stream as u64, index].into_iter().fold(seed, |state, word| mix(state) ^ word);
    let mut bytes = [0; 32];
    for word in bytes.chunks_exact_mut(8) {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        word.copy_from_slice(&mix(state).to_le_bytes());
    }
    Xoshiro256PlusPlus::from_seed(bytes)
}

/// SplitMix64's output function (Steele, Lea and Flood, 2014).
fn mix(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The key of the masks of layer `layer` (from 0), for a counter-based generator.
pub fn dropout_key(seed: u64, layer: u64) -> u64 {
    mix([Stream::Dropout as u64, layer].into_iter().fold(seed, |state, word| mix(state) ^ word))
}

/// The key of distortions of images, for a counter-based generator.
pub fn augment_key(seed: u64) -> u64 {
    mix(mix(seed) ^ Stream::Augment as u64)
}

/// Uniform below `n`, without bias (Lemire, "Fast Random Integer Generation in an Interval", 2019).
fn below(rng: &mut Xoshiro256PlusPlus, n: u32) -> u32 {
    loop {
        let product = (rng.next_u64() >> 32) * u64::from(n);
        if product as u32 >= n.wrapping_neg() % n {
            return (product >> 32) as u32;
        }
    }
}

/// Puts the order in which epoch `epoch` (from 1) visits images into `order`: Fisher-Yates on 0, 1, 2, ...
pub fn permutation(seed: u64, epoch: u64, order: &mut [u32]) {
    let mut rng = generator(seed, Stream::Shuffle, epoch);
    for (i, image) in order.iter_mut().enumerate() {
        *image = i as u32;
    }
    for i in (1..order.len()).rev() {
        order.swap(i, below(&mut rng, i as u32 + 1) as usize);
    }
}

/// The initial weights of layer `layer` (from 0), one call per weight in row-major order: uniform on 2^24 points in
/// [-limit, limit), limit = sqrt(6 / (inputs + outputs)) (Glorot and Bengio, 2010).
pub fn glorot_uniform(seed: u64, layer: u64, inputs: usize, outputs: usize) -> impl FnMut() -> f32 {
    let mut rng = generator(seed, Stream::Init, layer);
    let limit = (6.0 / (inputs + outputs) as f64).sqrt() as f32;
    move || {
        let unit = (rng.next_u64() >> 40) as i32 - (1 << 23); // 24 bits: exact in f32
        unit as f32 * (1.0 / (1 << 23) as f32) * limit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_values_never_change() {
        let mut order = [0; 10];
        permutation(42, 1, &mut order);
        assert_eq!(order, PINNED_ORDER_1);
        permutation(42, 2, &mut order);
        assert_eq!(order, PINNED_ORDER_2);
        let mut draw = glorot_uniform(42, 0, 784, 128);
        assert_eq!([draw(), draw(), draw()].map(f32::to_bits), PINNED_INIT);
        assert_eq!([(42, 0), (42, 1), (43, 0)].map(|(seed, layer)| dropout_key(seed, layer)), PINNED_KEYS);
    }

    const PINNED_ORDER_1: [u32; 10] = [3, 6, 0, 8, 9, 2, 4, 7, 5, 1];
    const PINNED_ORDER_2: [u32; 10] = [5, 6, 0, 2, 7, 9, 1, 4, 3, 8];
    const PINNED_KEYS: [u64; 3] = [3561632980814912656, 13695231215689802098, 3752725826439804048];
    const PINNED_INIT: [u32; 3] = [1028467899, 1017665724, 1029361583];

    #[test]
    fn permutations_visit_every_image_once_and_differ_by_seed_and_epoch() {
        let mut seen = vec![];
        for (seed, epoch) in [(0, 1), (0, 2), (1, 1), (u64::MAX, 1)] {
            let mut order = vec![0; 1000];
            permutation(seed, epoch, &mut order);
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().enumerate().all(|(i, image)| i as u32 == *image));
            assert!(!seen.contains(&order));
            seen.push(order);
        }
    }

    #[test]
    fn bounded_integers_are_uniform() {
        let mut rng = generator(7, Stream::Shuffle, 0);
        let mut counts = [0u32; 3];
        for _ in 0..30_000 {
            counts[below(&mut rng, 3) as usize] += 1;
        }
        assert!(counts.iter().all(|count| (9_700..10_300).contains(count)), "{counts:?}");
    }

    #[test]
    fn glorot_weights_fill_their_interval() {
        let mut draw = glorot_uniform(1, 0, 784, 128);
        let weights: Vec<f32> = (0..100_352).map(|_| draw()).collect();
        let limit = (6.0f64 / 912.0).sqrt() as f32;
        let mean = weights.iter().map(|w| f64::from(*w)).sum::<f64>() / weights.len() as f64;
        let variance =
            weights.iter().map(|w| f64::from(*w) * f64::from(*w)).sum::<f64>() / weights.len() as f64;
        assert!(weights.iter().all(|w| (-limit..=limit).contains(w)));
        assert!(mean.abs() < 1e-3 && (variance / (2.0 / 912.0) - 1.0).abs() < 0.02);
    }
}
