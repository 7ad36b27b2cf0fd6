fn main() {
    let pool = aquifer::Pool::new();
    let _ = pool.alloc_drop(std::rc::Rc::new(1));
}
