//! Memory that a request needs while it runs, from the thread's pool: an idle connection holds none of it.

use std::cell::RefCell;
use std::thread::LocalKey;

/// Free values of one type that a thread keeps.
const SPARE: usize = 64;

/// Boxes that go to connections and come back.
pub type Pool<T> = RefCell<Vec<Box<T>>>;

/// A value that is used for one request after another.
pub trait Reused: Default + 'static {
    /// The thread's free ones.
    fn pool() -> &'static LocalKey<Pool<Self>>;

    /// Drops what belongs to the last request.
    fn clear(&mut self);
}

/// Frees the values that the thread keeps.
pub fn free<T: Reused>() {
    T::pool().with_borrow_mut(|pool| *pool = Vec::new());
}

/// A value of the thread's pool: taken when it is first used, and given back when this is dropped.
pub struct Pooled<T: Reused>(Option<Box<T>>);

impl<T: Reused> Pooled<T> {
    pub fn none() -> Self {
        Self(None)
    }

    pub fn get(&mut self) -> &mut T {
        self.0
            .get_or_insert_with(|| T::pool().with_borrow_mut(Vec::pop).unwrap_or_default())
    }

    pub fn give_back(&mut self) {
        let Some(mut value) = self.0.take() else {
            return;
        };
        value.clear();
        let _ = T::pool().try_with(|pool| {
            if let Ok(mut pool) = pool.try_borrow_mut()
                && pool.len() < SPARE
            {
                pool.push(value);
            }
        });
    }
}

impl<T: Reused> Drop for Pooled<T> {
    fn drop(&mut self) {
        self.give_back();
    }
}
