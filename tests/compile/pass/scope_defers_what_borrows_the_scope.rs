fn main() {
    let pool = aquifer::Pool::new();
    let word = 1;
    pool.scope(|scope| {
        let _ = scope.defer(|_| println!("{word}"));
    });
}
