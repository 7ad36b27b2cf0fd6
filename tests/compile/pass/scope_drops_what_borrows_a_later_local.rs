fn main() {
    let pool = aquifer::Pool::new();
    let local = String::from("dropped after the scope ends");
    pool.scope(|scope| {
        let _ = scope.alloc_drop(vec![&local]);
    });
}
