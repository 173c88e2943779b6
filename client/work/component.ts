// What Work and Flow have in common: public attributes are state. A Proxy sees each attribute as it is set, class fields too, and
// hands it to the component's inside, which may refuse it. Knows nothing of calls.

import { isStateKey } from './state.ts'

/** The part of a component that its user does not see. */
export interface Inside {
  /** What becomes of a value that is set as an attribute. Throws for one that cannot be state. */
  accept(key: string, value: unknown): unknown
  /** An attribute was set, or removed. */
  changed(key: string): void
  /** What stands for an attribute or method that is asked for, where that is not its own. */
  instead(key: string | symbol): unknown
}

const insides = new WeakMap<object, Inside>()

// oxlint-disable-next-line typescript/no-extraneous-class -- what extends it is seen as it is made, which a function cannot do
export abstract class Component {
  constructor(inside: Inside) {
    insides.set(this, inside)
    const seen = new Proxy(this, HANDLER)
    insides.set(seen, inside)
    // What a derived constructor calls `this` is what this one returns.
    // oxlint-disable-next-line no-constructor-return -- so that fields are seen as they are set
    return seen
  }
}

/** The inside of a component. TypeError for any other object. */
export function insideOf(component: object): Inside {
  const inside = insides.get(component)
  if (inside === undefined) throw new TypeError('this is no component: its class has to call super()')
  return inside
}

/** Names of the attributes that are state. */
export function stateKeys(component: object): string[] {
  return Object.keys(component).filter(key => isStateKey(key))
}

/** Whether an attribute of this name can be set from outside: state, and no name of the class. */
export function isAttribute(component: object, key: string): boolean {
  return isStateKey(key) && key !== 'constructor' && (Object.hasOwn(component, key) || !(key in component))
}

/** The value of an attribute. */
export function attribute(component: object, key: string): unknown {
  return Object.getOwnPropertyDescriptor(component, key)?.value
}

/** Sets an attribute as its class would. */
export function setAttribute(component: object, key: string, value: unknown): void {
  Object.defineProperty(component, key, { value, writable: true, enumerable: true, configurable: true })
}

const HANDLER: ProxyHandler<object> = {
  defineProperty(target, key, descriptor) {
    if (!isStateKey(key) || !('value' in descriptor)) return Reflect.defineProperty(target, key, descriptor)
    if (key in target && !Object.hasOwn(target, key))
      throw new TypeError(`${target.constructor.name}.${key} is a name of its class: call the attribute something else`)
    const inside = insideOf(target)
    const done = Reflect.defineProperty(target, key, { ...descriptor, value: inside.accept(key, descriptor.value) })
    inside.changed(key)
    return done
  },
  deleteProperty(target, key) {
    const done = Reflect.deleteProperty(target, key)
    if (isStateKey(key)) insideOf(target).changed(key)
    return done
  },
  get(target, key, receiver) {
    const value: unknown = insideOf(target).instead(key) ?? Reflect.get(target, key, receiver)
    return value
  }
}
