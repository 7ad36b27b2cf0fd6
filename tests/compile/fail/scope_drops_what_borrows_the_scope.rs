fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let word = &*scope.alloc(1).unwrap();
        let _ = scope.alloc_drop(vec![word]);
    });
}
