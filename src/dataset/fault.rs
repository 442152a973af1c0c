//! What happens when a mapped file gets shorter: the page that is gone raises SIGBUS where it is touched, and this turns
//! the signal into a sentence and exit code 1.
//!
//! The handler is there only while data is mapped. It does what a handler may do and no more: it looks at atomics and
//! calls `write` and `_exit`. A SIGBUS at any other address is not ours: the handler that was there before is put back and the
//! fault repeats, so that it ends as it would have ended without us.

use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Mapped files at a time: a dataset has four. What is beyond them is read instead.
const PLACES: usize = 64;

/// A mapped range of addresses and its sentence; free where `end` is 0.
struct Place {
    start: AtomicUsize,
    end: AtomicUsize,
    text: AtomicPtr<u8>,
    len: AtomicUsize,
}

static GUARDED: [Place; PLACES] = [const {
    Place {
        start: AtomicUsize::new(0),
        end: AtomicUsize::new(0),
        text: AtomicPtr::new(ptr::null_mut()),
        len: AtomicUsize::new(0),
    }
}; PLACES];

/// The action that was there before ours: leaked, as the handler may look at it at any time.
static BEFORE: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());

/// Whether a thread is telling what happened.
static SPOKEN: AtomicBool = AtomicBool::new(false);

/// How many places are taken; whoever changes them holds it.
static TAKEN: Mutex<usize> = Mutex::new(0);

/// Keeps a range of addresses guarded.
pub(super) struct Guard {
    place: &'static Place,
    /// What the place points to.
    _sentence: Box<[u8]>,
}

/// Guards the mapped addresses of the file called `name`; nothing, where all places are taken.
pub(super) fn guard(addresses: Range<usize>, name: &str) -> Option<Guard> {
    let sentence = format!(
        "error: {name} was cut short or its disk failed while it was in use; put the whole file back by renaming it over \
         the damaged one, or give --no-mmap, which reads it into memory at the start\n"
    );
    let sentence = sentence.into_bytes().into_boxed_slice();
    let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = GUARDED.iter().find(|place| place.end.load(Ordering::Relaxed) == 0)?;
    if *taken == 0 && !install() {
        return None;
    }
    *taken += 1;
    place.text.store(sentence.as_ptr().cast_mut(), Ordering::Relaxed);
    place.len.store(sentence.len(), Ordering::Relaxed);
    place.start.store(addresses.start, Ordering::Relaxed);
    // Last: a handler that sees the end sees all of the place.
    place.end.store(addresses.end, Ordering::Release);
    Some(Guard { place, _sentence: sentence })
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut taken = TAKEN.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        // Nobody can be touching the range any more: its bytes are only lent out while the guard lives.
        self.place.end.store(0, Ordering::Release);
        *taken -= 1;
        if *taken == 0 && is_installed() {
            restore();
        }
    }
}

/// The action that is in place.
fn current() -> Option<libc::sigaction> {
    let mut action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: nothing is changed, and `action` has room for what there is; all zeros are valid as well.
    unsafe {
        (libc::sigaction(libc::SIGBUS, ptr::null(), action.as_mut_ptr()) == 0).then(|| action.assume_init())
    }
}

/// Whether it is ours: somebody may have put another one over it, which is not for us to take away.
fn is_installed() -> bool {
    current().is_some_and(|action| action.sa_sigaction == handler())
}

fn handler() -> libc::sighandler_t {
    let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) = on_fault;
    handler as *const () as libc::sighandler_t
}

/// Puts our handler in place; whether that worked.
fn install() -> bool {
    if is_installed() {
        // Somebody had put another one over it, and has put ours back.
        return true;
    }
    let Some(before) = current().map(Box::new) else { return false };
    // SAFETY: all zeros are a valid `sigaction`: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { MaybeUninit::zeroed().assume_init() };
    action.sa_sigaction = handler();
    // On the alternate stack where a thread has one, as Rust's own handler.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // The one of an earlier time stays where it is: a handler may still be reading it.
    BEFORE.store(Box::into_raw(before), Ordering::Release);
    // SAFETY: `action` is whole, and its handler is safe to call whenever SIGBUS arrives (see `on_fault`).
    unsafe { libc::sigaction(libc::SIGBUS, &action, ptr::null_mut()) == 0 }
}

/// Puts back what was there before us. Async-signal-safe.
fn restore() {
    let before = BEFORE.load(Ordering::Acquire);
    if !before.is_null() {
        // SAFETY: it points to a leaked, whole `sigaction`, which nobody writes to.
        unsafe { libc::sigaction(libc::SIGBUS, before, ptr::null_mut()) };
    }
}

/// The handler. It allocates nothing, takes no lock and calls async-signal-safe functions only.
extern "C" fn on_fault(_: libc::c_int, info: *mut libc::siginfo_t, _: *mut libc::c_void) {
    // SAFETY: with SA_SIGINFO the system passes a valid `siginfo_t`; of a SIGBUS that a process sent, the address is
    // another field's bytes, which are as good as any number that is not ours.
    let address = unsafe { (*info).si_addr() } as usize;
    for place in &GUARDED {
        let end = place.end.load(Ordering::Acquire);
        let start = place.start.load(Ordering::Relaxed);
        if !(start..end).contains(&address) {
            continue;
        }
        let (text, len) = (place.text.load(Ordering::Relaxed), place.len.load(Ordering::Relaxed));
        // SAFETY: the sentence lives as long as the guard, and this thread is touching bytes that the guard's owner has
        // lent it. Of several threads one speaks, and the others wait for the end. If standard error is closed there is
        // nobody left to tell.
        unsafe {
            while SPOKEN.swap(true, Ordering::Relaxed) {
                libc::pause();
            }
            libc::write(libc::STDERR_FILENO, text.cast(), len);
            libc::_exit(1);
        }
    }
    restore();
    // SAFETY: as above. What a process sent does not come again by itself, as a fault does; `raise` may be called here.
    unsafe {
        if (*info).si_code <= 0 {
            libc::raise(libc::SIGBUS);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_handler_is_there_while_something_is_guarded() {
        let first = guard(4096..8192, "x").unwrap();
        let second = guard(8192..8200, "y").unwrap();
        assert!(is_installed());
        assert!(
            first.place.end.load(Ordering::Relaxed) == 8192
                && second.place.start.load(Ordering::Relaxed) == 8192
        );
        drop(first);
        assert!(is_installed());
        // Another test of this process may be guarding something.
        let place = second.place;
        drop(second);
        assert!(place.end.load(Ordering::Relaxed) != 8200);
    }
}
