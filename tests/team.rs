//! What a thread of a team wrote in one job, the others read in the next and the caller reads in between, through memory
//! that is no atomic: `tests/sanitizers.sh tsan` runs this too.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use mnist_fast::bug;
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

/// A program whose worker panics says so once, and ends: nobody waits for a thread that is no more.
#[test]
fn a_panic_of_a_worker_ends_the_program_with_one_sentence() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_program_with_a_bug", "--ignored", "--nocapture", "--test-threads", "1"])
        .env("MNIST_FAST_TEST_BUG", "1")
        .env_remove("RUST_BACKTRACE")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if start.elapsed() > Duration::from_secs(60) {
            child.kill().unwrap();
            panic!("it waits for ever");
        }
        std::thread::sleep(Duration::from_millis(5));
    };
    assert_eq!(status.code(), Some(101));
    let stderr = std::io::read_to_string(child.stderr.take().unwrap()).unwrap();
    let errors: Vec<&str> = stderr.lines().filter(|line| line.starts_with("error: mnist-fast")).collect();
    let [error] = errors[..] else { panic!("{stderr}") };
    assert!(
        error.contains("has a bug at tests/team.rs:") && error.contains(": planted two lines; please"),
        "{error}"
    );
    assert!(!stderr.contains("panicked at"), "{stderr}");
}

#[test]
#[ignore = "run by a_panic_of_a_worker_ends_the_program_with_one_sentence"]
fn a_program_with_a_bug() {
    if std::env::var_os("MNIST_FAST_TEST_BUG").is_none() {
        return;
    }
    bug::explain_panics();
    let mut team = Team::new(3).unwrap();
    team.run(|i| assert!(i == 0, "planted\ntwo lines"));
}
