//! Training allocates nothing after its first step, evaluation nothing at all, and prediction nothing once prepared.

mod mnist;

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use mnist_fast::activation::Activation;
use mnist_fast::loss::Loss;
use mnist_fast::network::Network;
use mnist_fast::predict::{self, Predictor};
use mnist_fast::team::Team;
use mnist_fast::train::{Clip, Examples, Optimizer, Regularization, Settings, Trainer};
use mnist_fast_kernels::{Adam, Isa, Kernels, RmsProp, Sgd};

/// Counts the allocations of every thread.
struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: passes everything on to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, SeqCst);
        // SAFETY: as the caller vouches.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as the caller vouches.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// One test, so that no other one allocates meanwhile.
#[test]
fn training_evaluation_and_prediction_allocate_nothing() {
    let data = mnist::mnist();
    let (first, train) = (mnist::train(&data).range(0..64), mnist::train(&data).range(0..656));
    let test = mnist::test(&data).range(0..333);
    for isa in Isa::ALL.into_iter().filter(|isa| isa.is_exact()) {
        let Ok(kernels) = Kernels::new(isa) else {
            println!("skipped: no {isa} on this CPU");
            continue;
        };
        let optimizers = [
            Optimizer::RmsProp(RmsProp::default()),
            Optimizer::Sgd(Sgd::default()),
            Optimizer::Adam(Adam::default()),
        ];
        let clipped = Regularization { l2: 1e-4, weight_decay: 1e-3, clip: Clip::Norm(0.5) };
        for (optimizer, regularization) in
            optimizers.into_iter().zip([Regularization::default(), Regularization::default(), clipped])
        {
            for threads in [1, 2, 3] {
                // With two threads and more zeros are left out, in a hidden layer too.
                let sparse = threads > 1;
                let settings = Settings { batch_size: 64, optimizer, seed: 1, shuffle: true, sparse };
                let network = Network::glorot_uniform(&[784, 24, 64, 10], 1).unwrap();
                let team = Team::new(threads).unwrap();
                let mut trainer = if threads == 3 {
                    // With one-hot labels, dropout, and an activation that the products do not apply.
                    let network = network.with_activations(&[Activation::Relu, Activation::Tanh]).unwrap();
                    let trainer = Trainer::new(kernels, team, network, settings).unwrap();
                    trainer.with_loss(Loss::Categorical).unwrap().with_dropout(&[0.2, 0.5]).unwrap()
                } else {
                    Trainer::new(kernels, team, network, settings).unwrap()
                };
                trainer = trainer.with_regularization(regularization).unwrap();
                trainer.reserve(train.len(), test.len());
                trainer.train_epoch(first, 1).unwrap();
                let before = ALLOCATIONS.load(SeqCst);
                for epoch in 1..=2 {
                    trainer.train_epoch(train, epoch).unwrap();
                    trainer.evaluate(test);
                }
                let count = ALLOCATIONS.load(SeqCst) - before;
                assert_eq!(count, 0, "{isa}, {threads} threads, {optimizer:?}");
            }
        }
        predictions(kernels, test);
    }
    let before = ALLOCATIONS.load(SeqCst);
    drop(std::hint::black_box(Box::new(1)));
    assert_eq!(ALLOCATIONS.load(SeqCst) - before, 1, "the counter does not count");
}

/// No call allocates, the first one included, if it has no more images than a block or an earlier call.
fn predictions(kernels: Kernels, test: Examples<'_>) {
    let network = Network::glorot_uniform(&[784, 24, 64, 10], 1).unwrap();
    for (threads, sparse) in [(1, None), (2, Some(true)), (3, Some(false))] {
        let mut predictor = Predictor::new(&network, predict::Settings { kernels, threads, sparse }).unwrap();
        let few = &test.images[..784 * 64];
        let before = ALLOCATIONS.load(SeqCst);
        for image in few.chunks_exact(784) {
            predictor.one(image).unwrap();
        }
        predictor.all(few).unwrap();
        assert_eq!(ALLOCATIONS.load(SeqCst) - before, 0, "{threads} threads, {sparse:?}: few images");
        predictor.all(test.images).unwrap();
        let before = ALLOCATIONS.load(SeqCst);
        predictor.all(test.images).unwrap();
        predictor.all(few).unwrap();
        predictor.all(&test.images[784..]).unwrap();
        assert_eq!(ALLOCATIONS.load(SeqCst) - before, 0, "{threads} threads, {sparse:?}");
    }
}
