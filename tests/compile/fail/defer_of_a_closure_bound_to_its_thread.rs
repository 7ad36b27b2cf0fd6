fn main() {
    let pool = aquifer::Pool::new();
    let shared = std::rc::Rc::new(1);
    let _ = pool.defer(move |_| drop(shared));
}
