"""PyTorch on the CPU, the data in one tensor.

eager    autograd and torch.optim.RMSprop (which puts epsilon outside of the root), the usual loop
manual   gradients by hand into one flat vector, the update over all of it at once
compile  torch.compile of loss, gradient and update together
"""

import time

import workload

options = workload.options("eager", "manual", "compile")

import torch
import torch.nn.functional as F
from torch import nn
from workload import BATCH, EPSILON, RATE, RHO

torch.set_num_threads(options.threads)
torch.manual_seed(options.seed)
x, y, val_x, val_y = (torch.from_numpy(part) for part in workload.read(options.data))
model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
for layer in model[::2]:
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)


def shuffled():
    order = torch.randperm(len(x))
    return zip(x[order].split(BATCH), y[order].split(BATCH))


class Totals:
    """Sums of an epoch, in tensors, so that a step need not wait for them."""

    def __init__(self):
        self.loss, self.correct = torch.zeros(()), torch.zeros((), dtype=torch.long)

    def add(self, loss, logits, labels):
        self.loss += loss.detach() * len(labels)
        self.correct += (logits.detach().argmax(1) == labels).sum()


def eager():
    optimizer = torch.optim.RMSprop(model.parameters(), lr=RATE, alpha=RHO, eps=EPSILON, foreach=True)

    def train(totals):
        for images, labels in shuffled():
            logits = model(images)
            loss = F.cross_entropy(logits, labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            totals.add(loss, logits, labels)

    return train


def flat_views():
    """One vector of all parameters, and each layer's weights and bias as views of it."""
    parameters = list(model.parameters())
    flat = nn.utils.parameters_to_vector(parameters).detach().clone()
    nn.utils.vector_to_parameters(flat, parameters)
    return flat, [parameter.data for parameter in parameters]


def manual():
    flat, (w1, b1, w2, b2, w3, b3) = flat_views()
    gradient, mean_square, root = torch.zeros_like(flat), torch.zeros_like(flat), torch.empty_like(flat)
    parts = gradient.split([p.numel() for p in model.parameters()])
    gw1, gb1, gw2, gb2, gw3, gb3 = (part.view_as(p) for part, p in zip(parts, model.parameters()))

    @torch.inference_mode()
    def train(totals):
        for images, labels in shuffled():
            h1 = torch.addmm(b1, images, w1.T).relu_()
            h2 = torch.addmm(b2, h1, w2.T).relu_()
            log_p = torch.log_softmax(torch.addmm(b3, h2, w3.T), 1)
            column = labels.unsqueeze(1)
            totals.add(-log_p.gather(1, column).mean(), log_p, labels)
            d3 = log_p.exp_().scatter_add_(1, column, torch.full_like(column, -1, dtype=torch.float32))
            d3.div_(len(labels))
            torch.mm(d3.T, h2, out=gw3)
            torch.sum(d3, 0, out=gb3)
            d2 = torch.ops.aten.threshold_backward(d3 @ w3, h2, 0)
            torch.mm(d2.T, h1, out=gw2)
            torch.sum(d2, 0, out=gb2)
            d1 = torch.ops.aten.threshold_backward(d2 @ w2, h1, 0)
            torch.mm(d1.T, images, out=gw1)
            torch.sum(d1, 0, out=gb1)
            mean_square.mul_(RHO).addcmul_(gradient, gradient, value=1 - RHO)
            torch.add(mean_square, EPSILON, out=root)
            flat.addcmul_(gradient, root.rsqrt_(), value=-RATE)

    return train


def compiled():
    weights = flat_views()[1]
    mean_squares = [torch.zeros_like(w) for w in weights]

    def loss_and_logits(weights, images, labels):
        h1 = F.linear(images, weights[0], weights[1]).relu()
        h2 = F.linear(h1, weights[2], weights[3]).relu()
        logits = F.linear(h2, weights[4], weights[5])
        return F.cross_entropy(logits, labels), logits

    gradients = torch.func.grad_and_value(loss_and_logits, has_aux=True)

    @torch.compile(dynamic=False)
    def step(weights, mean_squares, images, labels):
        grads, (loss, logits) = gradients(weights, images, labels)
        for w, v, g in zip(weights, mean_squares, grads):
            v.mul_(RHO).add_((1 - RHO) * g * g)
            w.sub_(RATE * g * torch.rsqrt(v + EPSILON))
        return loss, logits

    @torch.no_grad()
    def train(totals):
        for images, labels in shuffled():
            totals.add(*step(weights, mean_squares, images, labels), labels)

    return train


@torch.inference_mode()
def validate():
    logits = model(val_x)
    return F.cross_entropy(logits, val_y).item(), (logits.argmax(1) == val_y).float().mean().item()


train = {"eager": eager, "manual": manual, "compile": compiled}[options.mode]()
workload.print_start(torch.__version__, torch.backends.cpu.get_cpu_capability())
for epoch in range(1, options.epochs + 1):
    start = time.perf_counter()
    totals = Totals()
    train(totals)
    loss, accuracy = totals.loss.item() / len(x), totals.correct.item() / len(x)
    val_loss, val_accuracy = validate()
    seconds = time.perf_counter() - start
    workload.print_epoch(epoch, seconds, val_accuracy, loss=loss, accuracy=accuracy, val_loss=val_loss)
