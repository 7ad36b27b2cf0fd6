fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        std::thread::scope(|threads| {
            threads.spawn(|| scope.alloc(1).is_ok());
        });
    });
}
