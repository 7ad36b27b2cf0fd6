fn main() {
    let pool = aquifer::Pool::new();
    pool.scope(|outer| {
        let word = &*outer.alloc(1).unwrap();
        outer.scope(|inner| {
            let _ = inner.alloc_drop(vec![word]);
        });
    });
}
