use std::sync::Mutex;

static KEPT: Mutex<Option<String>> = Mutex::new(None);

fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.defer(|pool| {
        *KEPT.lock().unwrap() = pool.alloc_str("copied out").ok().map(|text| text.to_owned());
    });
}
