fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.alloc_drop(std::sync::Arc::new(1));
    pool.scope(|scope| {
        let _ = scope.alloc_drop(std::rc::Rc::new(1));
    });
}
