//! What a thread of a team wrote in one job, the others read in the next and the caller reads in between, through memory
//! that is no atomic: `tests/sanitizers.sh tsan` runs this too.

use mnist_fast::shared::SharedBuffer;
use mnist_fast::team::Team;

#[test]
fn a_job_sees_what_the_threads_of_the_last_one_wrote() {
    const ROUNDS: usize = 300;
    for threads in [1, 2, 3, 5] {
        let mut team = Team::new(threads).unwrap();
        let numbers = [SharedBuffer::<u32>::new(threads), SharedBuffer::<u32>::new(threads)];
        for round in 0..ROUNDS {
            let (from, to) = (&numbers[round % 2], &numbers[(round + 1) % 2]);
            team.run(|i| {
                let neighbour = (i + 1) % threads;
                let number = from.part(neighbour..neighbour + 1)[0] + 1 + i as u32;
                // SAFETY: each thread writes its own element, and nobody reads this buffer during the job.
                unsafe { to.write(i..i + 1)[0] = number };
            });
            // Every number took one step round the ring: together they grew by 1 + i for each thread i.
            let total: u32 = to.all().iter().sum();
            assert_eq!(total as usize, (round + 1) * threads * (threads + 1) / 2);
        }
    }
}
