fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let text = scope.alloc_str("may be sent").unwrap();
        std::thread::scope(|threads| {
            threads.spawn(|| text.make_ascii_uppercase());
        });
    });
}
