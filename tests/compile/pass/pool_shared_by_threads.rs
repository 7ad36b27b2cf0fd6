fn main() {
    let pool = aquifer::Pool::new();
    std::thread::scope(|threads| {
        threads.spawn(move || pool.alloc(1).is_ok());
    });
}
