use std::sync::Mutex;

static KEPT: Mutex<Option<&'static str>> = Mutex::new(None);

fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool
        .defer(|pool| *KEPT.lock().unwrap() = pool.alloc_str("gone soon").ok().map(|text| &*text));
}
