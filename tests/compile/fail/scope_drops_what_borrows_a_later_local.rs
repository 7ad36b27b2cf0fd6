fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|scope| {
        let local = String::from("dropped before the scope ends");
        let _ = scope.alloc_drop(vec![&local]);
    });
}
